import type * as NodeCrypto from "node:crypto";

/** Gives a short text for a long one that may hold a secret: equal for equal texts, and nobody else can compute it. */
export type Fingerprint = (text: string) => string | Promise<string>;

/**
 * HMAC-SHA-256 under a random key of this process. In Node by its own `crypto`, which answers at once and ten times as
 * fast as WebCrypto; a token source spends most of a cache hit here.
 */
export function createFingerprint(): Fingerprint {
  const key = crypto.getRandomValues(new Uint8Array(32));
  const node = nodeCrypto();
  if (node) return (text) => node.createHmac("sha256", key).update(text).digest("base64url");
  const imported = crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return async (text) => {
    const digest = await crypto.subtle.sign("HMAC", await imported, new TextEncoder().encode(text));
    return String.fromCharCode(...new Uint8Array(digest));
  };
}

// Asked for at run time, so that a Worker without node:crypto can load this file.
function nodeCrypto(): Pick<typeof NodeCrypto, "createHmac"> | undefined {
  const runtime = globalThis as { readonly process?: Partial<Pick<NodeJS.Process, "getBuiltinModule">> };
  return runtime.process?.getBuiltinModule?.("node:crypto");
}
