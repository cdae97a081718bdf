// What needs Node's file system.
export { defaultCacheFolder, fileTokenCache, type FileTokenCacheOptions } from "./file-token-cache.ts";
