import type { GatewayRequest } from "./gateway.ts";
import { checkOptions, TEXT } from "../core/check-options.ts";

// RFC 9110 §9.2.1: what only reads.
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** The scopes to request for a method, for a gateway's `scope`: `read` where it is safe, `write` for all others. */
export function scopeByMethod(scopes: {
  readonly read: string;
  readonly write: string;
}): (request: Pick<GatewayRequest, "method">) => string {
  checkOptions("scopeByMethod", scopes, { read: TEXT, write: TEXT });
  return ({ method }) => (SAFE_METHODS.has(method.toUpperCase()) ? scopes.read : scopes.write);
}
