// The handler with which users manage their own keys, for every runtime that has node:crypto.
export { OPENAPI } from "./openapi.ts";
export type { ProblemCode } from "./problems.ts";
