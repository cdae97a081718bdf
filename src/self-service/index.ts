// The web API with which users manage their own keys.
export { createApiKeysHandler, type ApiKeysHandlerOptions } from "./handler.ts";
export { OPENAPI } from "./openapi.ts";
export {
  openStores,
  type SelfServiceConfig,
  type SelfServiceSettings,
  type SelfServiceStores,
} from "./open-stores.ts";
export type { ProblemCode } from "./problems.ts";
