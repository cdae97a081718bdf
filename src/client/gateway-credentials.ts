import { inspectKey, redactKeys } from "../core/key-format.ts";

/** Header fields as `node:http` gives them. */
export type HeaderFields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** How a request identifies itself, or why it cannot be told. */
export type Credentials =
  | { readonly kind: "api_key"; readonly apiKey: string }
  /** An API key that is not of the gateway's prefixes, or not where one is looked for. It must go no further. */
  | { readonly kind: "other_key" }
  | { readonly kind: "other"; readonly bearer?: string }
  /** Two of them at once. */
  | { readonly kind: "ambiguous" }
  /** `Bearer` with something behind it that is no token, which some validation may nevertheless read as one. */
  | { readonly kind: "malformed" }
  | { readonly kind: "none" };

const SCHEME = /^\s*(bearer|apikey|dpop)(?![\w-])\s*/i;
const JWT_LIKE = /[\w-]\.[\w-]+\.[\w-]/;
// RFC 6750 §2.1.
const B64TOKEN = /^[\w.~+/-]+=*$/;

/**
 * Finds the API key of a request: `Authorization: Bearer`, `Authorization: ApiKey` or `X-API-Key`. What is sent as a
 * bearer token counts as a key if it has the form of one, of one of `keyPrefixes` where they are given. A blank field
 * counts as none, as does a scheme with nothing behind it: that is how an unset variable is sent.
 */
export function findCredentials(headers: HeaderFields, keyPrefixes?: readonly string[]): Credentials {
  // The headers of fetch are joined with commas, which no key has.
  const keys = valuesOf(headers["x-api-key"], ",").filter((value) => value !== "");
  const others = valuesOf(headers["authorization"]).filter((value) => value.replace(SCHEME, "") !== "");
  const [key, sent = ""] = [keys[0], others[0]];
  // RFC 6750 §2: a client must not use more than one method. A field that is repeated is more than one.
  if (keys.length + others.length > 1) return { kind: "ambiguous" };
  if (key !== undefined) return keyOf(key, keyPrefixes);
  if (sent === "") return { kind: "none" };
  const [matched = "", scheme = ""] = SCHEME.exec(sent) ?? [];
  const text = sent.slice(matched.length);
  if (/,\s*(bearer|apikey|dpop)\s/i.test(sent)) return { kind: "ambiguous" };
  if (scheme === "") return redactKeys(sent) === sent ? { kind: "other" } : { kind: "other_key" };
  if (!B64TOKEN.test(text) || !/^\w+ +\S+$/.test(sent)) return { kind: "malformed" };
  if (scheme.toLowerCase() === "apikey" || isKeyLike(text, keyPrefixes)) return keyOf(text, keyPrefixes);
  return inspectKey(text) ? { kind: "other_key" } : { kind: "other", bearer: text };
}

function valuesOf(field: string | readonly string[] | undefined, separator = "\n"): readonly string[] {
  const values = [field ?? []].flat().flatMap((value) => value.split(separator));
  return values.map((value) => value.trim());
}

/** What is seen in a request that may carry an access token elsewhere than in `Authorization`. */
export interface TokenPlaces {
  readonly url: string;
  readonly headers: HeaderFields;
  readonly body?: unknown;
}

/**
 * Whether a validation may find an access token where a gateway does not look: in the query, or in a form (RFC 6750
 * §2.2, §2.3), which may not have been read yet, or behind another scheme than `Bearer`. However a parser reads them: the
 * name is looked for, not its value.
 */
export function mayHideToken(places: TokenPlaces): boolean {
  const { headers, body } = places;
  if (valuesOf(headers["authorization"]).some((value) => JWT_LIKE.test(value))) return true;
  const isForm = /^\s*application\/x-www-form-urlencoded/i.test(String(headers["content-type"] ?? ""));
  const isRead = typeof body === "object" && body !== null;
  return hasQueryToken(places) || (isForm && (!isRead || "access_token" in body));
}

/** Whether the query may hold one. */
export function hasQueryToken({ url }: Pick<TokenPlaces, "url">): boolean {
  const query = url.split("?").slice(1).join();
  const unescaped = query.replace(/%([\da-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return unescaped.includes("access_token");
}

/** Whether a request may carry an access token anywhere. */
export function mayCarryToken(places: TokenPlaces): boolean {
  const found = findCredentials(places.headers);
  const isNone = found.kind === "none" || (found.kind === "other" && found.bearer === undefined);
  return !isNone || mayHideToken(places);
}

function keyOf(text: string, keyPrefixes: readonly string[] | undefined): Credentials {
  const prefix = inspectKey(text)?.prefix;
  // It is somebody else's, and would be sent to the tenant.
  if (prefix !== undefined && keyPrefixes && !keyPrefixes.includes(prefix)) return { kind: "other_key" };
  return { kind: "api_key", apiKey: text };
}

/** Without dots it is no JWT; with a known prefix it was meant to be a key, even if it was cut. */
function isKeyLike(text: string, keyPrefixes: readonly string[] | undefined): boolean {
  if (!keyPrefixes) return inspectKey(text) !== undefined;
  return !text.includes(".") && keyPrefixes.some((prefix) => text.startsWith(`${prefix}_`));
}
