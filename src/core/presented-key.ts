import { createHash } from "node:crypto";

import { inspectKey, KEY_ID_LENGTH } from "./key-format.ts";
import { wrapToBase62 } from "./base62.ts";
import { acceptedPrefixes, type Deployment } from "./deployment.ts";
import { hashKey, type PepperKeys } from "./peppers.ts";

/** A key as somebody presents it: the id to look it up by, and its hash under a pepper. The text itself stays inside. */
export interface PresentedKey {
  readonly id: string;
  /** What it begins with; absent for a foreign key. */
  readonly prefix?: string;
  hash(pepper: PepperKeys): string;
}

const MIN_FOREIGN_LENGTH = 24;
const MAX_FOREIGN_LENGTH = 1024;
const PRINTABLE = /^[\x21-\x7e]+$/;

/**
 * Reads a presented text offline: one of the deployment's own keys, or, where it accepts them, a foreign key. Gives
 * `undefined` for anything else, without saying why.
 */
export function readPresentedKey(
  text: string,
  deployment: Pick<Deployment, "keyPrefixes" | "apis" | "acceptForeignKeys">,
): PresentedKey | undefined {
  const { acceptForeignKeys } = deployment;
  const keyPrefixes = acceptedPrefixes(deployment);
  const parts = inspectKey(text);
  if (parts?.isChecksumRight && keyPrefixes.includes(parts.prefix)) {
    return { id: parts.id, prefix: parts.prefix, hash: (pepper) => hashKey(text, pepper) };
  }
  return acceptForeignKeys === true && isForeignKey(text, keyPrefixes)
    ? foreignKey(sha256Of(text))
    : undefined;
}

/**
 * Whether a text can be a foreign key, made elsewhere and imported: 24 to 1,024 printable characters that neither have
 * the form of a key of ours nor begin like one. A mistyped key of ours is never looked up as something else.
 */
export function isForeignKey(text: string, keyPrefixes: readonly string[]): boolean {
  return (
    text.length >= MIN_FOREIGN_LENGTH &&
    text.length <= MAX_FOREIGN_LENGTH &&
    PRINTABLE.test(text) &&
    inspectKey(text) === undefined &&
    !keyPrefixes.some((prefix) => text.startsWith(`${prefix}_`))
  );
}

/**
 * The foreign key with this SHA-256 (32 bytes). Its id is 71 bits of it, the same under every pepper; what is stored is
 * an HMAC of it, like that of any other key, over a text that no key of ours has.
 */
export function foreignKey(sha256: Uint8Array): PresentedKey {
  const text = `sha256:${Buffer.from(sha256).toString("base64url")}`;
  return { id: wrapToBase62(sha256, KEY_ID_LENGTH), hash: (pepper) => hashKey(text, pepper) };
}

/** The SHA-256 of a text, 32 bytes. */
export function sha256Of(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(text).digest());
}
