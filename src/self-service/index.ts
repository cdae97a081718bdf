// The wire contract with which users will manage their own keys. The handler behind it is not written yet.
export { OPENAPI } from "./openapi.ts";
export type { ProblemCode } from "./problems.ts";
