// The library for every runtime with fetch and WebCrypto. What needs Node's file system is in ./node.ts.
export { ApiKey } from "../core/api-key.ts";
export { inspectKey, keyPattern, redactKeys } from "../core/key-format.ts";
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
export { expressGateway, expressKillSwitch } from "./gateway-express.ts";
export { fastifyGateway, fastifyKillSwitch } from "./gateway-fastify.ts";
export { authRequestResponse, gatewayRequest } from "./gateway-fetch.ts";
export { honoGateway, honoKillSwitch, type GatewayVariables } from "./gateway-hono.ts";
export type { GatewayRefusal } from "./gateway-refusal.ts";
export { ApiKeyGateway, type GatewayDecision, type GatewayOptions, type GatewayRequest } from "./gateway.ts";
export { scopeByMethod } from "./scope-by-method.ts";
export { KillSwitch, type KillSwitchOptions } from "./kill-switch.ts";
export type { Auth } from "./verify-token.ts";
