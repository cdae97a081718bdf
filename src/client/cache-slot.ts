import { base64url } from "jose";

import type { ApiKey } from "../core/api-key.ts";
import type { ExchangeEndpoint, ExchangeParameters } from "./exchange.ts";
import type { CacheSlot } from "./token-cache.ts";

const ENCODER = new TextEncoder();
const NAME_LABEL = "auth0-api-keys token cache: name";
const ENCRYPTION_LABEL = "auth0-api-keys token cache: encryption";

/** The text that tells one kind of token of a key from another. Scopes in any order are the same scopes. */
export function slotText(endpoint: ExchangeEndpoint, parameters: ExchangeParameters): string {
  const scopes = [...new Set((parameters.scope ?? "").split(" ").filter((scope) => scope !== ""))].sort();
  return JSON.stringify([
    endpoint.token_endpoint,
    endpoint.client_id,
    endpoint.subject_token_type,
    parameters.audience,
    scopes.join(" "),
    parameters.organization ?? "",
    // A key may be bound to addresses: what one was granted is not for another.
    parameters.forwardedFor ?? "",
  ]);
}

/**
 * The slot of a key for a text of {@link slotText}. HKDF-SHA-256 (RFC 5869) gives two keys from the API key: one names
 * the slot by HMAC, the other encrypts what is in it. Who has the cache and not the API key learns neither.
 */
export async function deriveSlot(apiKey: ApiKey, text: string): Promise<CacheSlot> {
  const root = await crypto.subtle.importKey("raw", ENCODER.encode(apiKey.reveal()), "HKDF", false, [
    "deriveBits",
  ]);
  const derive = async (label: string) => {
    const info = ENCODER.encode(label);
    const bits = await crypto.subtle.deriveBits(
      { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info },
      root,
      256,
    );
    return new Uint8Array(bits);
  };
  const [nameKey, encryptionKey] = await Promise.all([derive(NAME_LABEL), derive(ENCRYPTION_LABEL)]);
  const hmac = await crypto.subtle.importKey("raw", nameKey, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  const name = await crypto.subtle.sign("HMAC", hmac, ENCODER.encode(text));
  return { name: base64url.encode(new Uint8Array(name)), encryptionKey };
}
