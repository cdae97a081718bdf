import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";

import type { RandomBytes } from "../core/base62.ts";

/** Keeps texts under names in a store whose readers must learn neither. */
export interface TextCipher {
  /** What a name is called in the store: without the secret, a guessed name cannot be looked for. */
  nameOf(name: string): string;
  encrypt(name: string, text: string): string;
  /** The text; `undefined` if it was altered, or encrypted under another name or by another secret. */
  decrypt(name: string, encrypted: string): string | undefined;
}

const ALGORITHM = "aes-256-gcm";
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM and HMAC-SHA-256, under keys that are derived from a secret by HKDF. */
export function textCipher(secret: string, label: string, randomBytes: RandomBytes): TextCipher {
  const keyFor = (use: string) =>
    new Uint8Array(hkdfSync("sha256", secret, "", `${label}: ${use}`, KEY_BYTES));
  const [nameKey, textKey] = [keyFor("names"), keyFor("texts")];
  return {
    nameOf: (name) => createHmac("sha256", nameKey).update(name).digest("base64url"),
    encrypt(name, text) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(ALGORITHM, textKey, iv).setAAD(Buffer.from(name));
      const encrypted = [iv, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()];
      return Buffer.concat(encrypted).toString("base64url");
    },
    decrypt(name, encrypted) {
      const bytes = Buffer.from(encrypted, "base64url");
      try {
        const options = { authTagLength: TAG_BYTES };
        const cipher = createDecipheriv(ALGORITHM, textKey, bytes.subarray(0, IV_BYTES), options)
          .setAAD(Buffer.from(name))
          .setAuthTag(bytes.subarray(-TAG_BYTES));
        const text = cipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES));
        return Buffer.concat([text, cipher.final()]).toString("utf8");
      } catch {
        return undefined;
      }
    },
  };
}
