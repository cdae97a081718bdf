import { inspectKey } from "../core/key-format.ts";

/** Header fields as `node:http` gives them. */
export type HeaderFields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** How a request identifies itself: with an API key, with anything else, in two ways at once, or not at all. */
export type Credentials =
  | { readonly kind: "api_key"; readonly apiKey: string }
  | { readonly kind: "other"; readonly bearer?: string }
  | { readonly kind: "ambiguous" }
  | { readonly kind: "none" };

/**
 * Finds the API key of a request: `Authorization: Bearer`, `Authorization: ApiKey` or `X-API-Key`. What is sent as a
 * bearer token counts as a key if it has the form of one, of one of `keyPrefixes` where they are given.
 */
export function findCredentials(headers: HeaderFields, keyPrefixes?: readonly string[]): Credentials {
  const authorization = headers["authorization"];
  const apiKey = headers["x-api-key"];
  // RFC 6750 §2: a client must not use more than one method. A field that is repeated is more than one.
  const isTwice = authorization !== undefined && apiKey !== undefined;
  if (isTwice || isList(authorization) || isList(apiKey)) return { kind: "ambiguous" };
  if (apiKey !== undefined) return { kind: "api_key", apiKey: apiKey.trim() };
  if (authorization === undefined) return { kind: "none" };
  const [, scheme = "", text = ""] = /^(Bearer|ApiKey) +(\S+) *$/i.exec(authorization) ?? [];
  if (scheme.toLowerCase() === "apikey") return { kind: "api_key", apiKey: text };
  if (scheme === "") return { kind: "other" };
  return isKeyLike(text, keyPrefixes) ? { kind: "api_key", apiKey: text } : { kind: "other", bearer: text };
}

/** Without dots it is no JWT; with a known prefix it was meant to be a key, even if it was cut. */
function isKeyLike(text: string, keyPrefixes: readonly string[] | undefined): boolean {
  if (!keyPrefixes) return inspectKey(text) !== undefined;
  return !text.includes(".") && keyPrefixes.some((prefix) => text.startsWith(`${prefix}_`));
}

function isList(value: string | readonly string[] | undefined): value is readonly string[] {
  return Array.isArray(value);
}
