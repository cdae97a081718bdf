import { randomBase62, type RandomBytes } from "./base62.ts";
import { checksum, inspectKey, isKeyId, isKeyPrefix, KEY_ID_LENGTH, SECRET_LENGTH } from "./key-format.ts";

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/**
 * An API key in memory. Printing it in any way (`String`, `JSON.stringify`, `console.log`) gives the redacted hint;
 * only {@link ApiKey.reveal} gives the key itself.
 */
export class ApiKey {
  readonly prefix: string;
  /** The public 12-character key id. */
  readonly id: string;
  readonly #text: string;

  private constructor(prefix: string, id: string, text: string) {
    this.prefix = prefix;
    this.id = id;
    this.#text = text;
  }

  /** A new key, or a new secret for the key with this id. Throws `TypeError` for an illegal prefix or id. */
  static generate(
    prefix: string,
    randomBytes: RandomBytes,
    id: string = randomBase62(KEY_ID_LENGTH, randomBytes),
  ): ApiKey {
    if (!isKeyPrefix(prefix)) throw new TypeError('"prefix" must be like acme or acme_live');
    if (!isKeyId(id)) throw new TypeError('"id" must be a key id');
    const unchecked = `${prefix}_${id}${randomBase62(SECRET_LENGTH, randomBytes)}`;
    return new ApiKey(prefix, id, unchecked + checksum(unchecked));
  }

  /** Reads a key offline: form, prefix syntax and checksum. `undefined` for anything else, without saying why. */
  static parse(text: string): ApiKey | undefined {
    const parts = inspectKey(text);
    return parts?.isChecksumRight ? new ApiKey(parts.prefix, parts.id, text) : undefined;
  }

  /** The whole key, to be hashed or shown once. Nothing else gives it. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return `${this.prefix}_${this.id}…`;
  }

  toJSON(): string {
    return this.toString();
  }

  [INSPECT](): string {
    return this.toString();
  }
}
