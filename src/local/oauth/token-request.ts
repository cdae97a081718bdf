import type { HonoRequest } from "hono";

import { invalidRequest } from "./oauth-error.ts";

/** The parameters of a token request, each at most once (RFC 6749 §3.2). Empty ones count as absent (§3.1). */
export type TokenParameters = ReadonlyMap<string, string>;

/** Reads a form or JSON body. Throws an `OAuthError` for anything else. */
export async function readTokenRequest(request: HonoRequest, acceptsJson: boolean): Promise<TokenParameters> {
  const type = (request.header("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (type === "application/x-www-form-urlencoded")
    return collect([...new URLSearchParams(await request.text())]);
  if (type === "application/json" && acceptsJson) return collect(entriesOfJson(await request.text()));
  throw invalidRequest("The body must be application/x-www-form-urlencoded.");
}

/** A parameter that must be there, or `invalid_request`. */
export function required(parameters: TokenParameters, name: string): string {
  const value = parameters.get(name);
  if (value === undefined) throw invalidRequest(`Missing required parameter: ${name}`);
  return value;
}

function entriesOfJson(text: string): [string, string][] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalidRequest("The body is no valid JSON.");
  }
  const isObject = typeof json === "object" && json !== null && !Array.isArray(json);
  const entries = isObject ? Object.entries(json as object) : [];
  if (!isObject || entries.some(([, value]) => typeof value !== "string")) {
    throw invalidRequest("The body must be a JSON object of strings.");
  }
  return entries as [string, string][];
}

function collect(entries: readonly (readonly [string, string])[]): TokenParameters {
  const parameters = new Map<string, string>();
  for (const [name, value] of entries) {
    if (parameters.has(name)) throw invalidRequest(`Repeated parameter: ${name}`);
    if (value !== "") parameters.set(name, value);
  }
  return parameters;
}
