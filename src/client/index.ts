// The library for every runtime with fetch and WebCrypto. What needs Node's file system is in ./node.ts.
export { ApiKey, inspectKey, keyPattern, redactKeys } from "../core/api-key.ts";
export { ExchangeError, type ExchangeErrorCode } from "./exchange-error.ts";
export {
  exchangeApiKeyRequest,
  processExchangeResponse,
  type ExchangeAnswer,
  type ExchangeEndpoint,
  type ExchangeParameters,
  type ExchangeRequestOptions,
} from "./exchange.ts";
export { layeredTokenCache } from "./layered-token-cache.ts";
export { memoryTokenCache, type MemoryTokenCacheOptions } from "./memory-token-cache.ts";
export { redisClientPort, upstashRedis, type RedisPort, type UpstashOptions } from "./redis-port.ts";
export { redisTokenCache, type RedisTokenCacheOptions } from "./redis-token-cache.ts";
export type { CachedToken, CacheSlot, TokenCache } from "./token-cache.ts";
export { ApiKeyTokenSource, type TokenRequest, type TokenSourceOptions } from "./token-source.ts";
