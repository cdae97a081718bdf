import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";

/** A key of the stand-in: its bytes, and what `jose` looks at before it uses one. */
interface RawKey {
  readonly bytes: Uint8Array;
  readonly algorithm: object;
  readonly usages: readonly string[];
}

interface AesGcm {
  readonly iv: Uint8Array;
  readonly additionalData: Uint8Array;
}

const TAG_BYTES = 16;

/** The WebCrypto that the client uses, computed at once: the real one works in threads, for which the model's time does not wait. */
const PROMPT = {
  importKey: async (
    _format: string,
    bytes: Uint8Array,
    algorithm: string | object,
    _isExtractable: boolean,
    usages: readonly string[],
  ): Promise<RawKey> => ({
    bytes,
    usages,
    algorithm: typeof algorithm === "string" ? { name: algorithm, length: bytes.length * 8 } : algorithm,
  }),
  deriveBits: async (
    { salt, info }: { salt: Uint8Array; info: Uint8Array },
    { bytes }: RawKey,
    bits: number,
  ) => hkdfSync("sha256", bytes, salt, info, bits / 8),
  sign: async (_algorithm: string, { bytes }: RawKey, text: Uint8Array) =>
    new Uint8Array(createHmac("sha256", bytes).update(text).digest()).buffer,
  async encrypt({ iv, additionalData }: AesGcm, { bytes }: RawKey, text: Uint8Array) {
    const cipher = createCipheriv("aes-256-gcm", bytes, iv).setAAD(additionalData);
    return new Uint8Array(Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()])).buffer;
  },
  async decrypt({ iv, additionalData }: AesGcm, { bytes }: RawKey, sealed: Uint8Array) {
    const cipher = createDecipheriv("aes-256-gcm", bytes, iv).setAAD(additionalData);
    cipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    return new Uint8Array(Buffer.concat([cipher.update(sealed.subarray(0, -TAG_BYTES)), cipher.final()]))
      .buffer;
  },
};

/**
 * Puts the stand-in in place while `work` goes on. The client then computes the same, and always in the same order.
 * Errors are made without their stacks meanwhile: a model makes them by the ten thousand.
 */
export async function withPromptCrypto<T>(work: () => Promise<T>): Promise<T> {
  const { subtle } = globalThis.crypto;
  const { stackTraceLimit } = Error;
  Object.assign(subtle, PROMPT);
  Error.stackTraceLimit = 0;
  try {
    return await work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    for (const name of Object.keys(PROMPT)) Reflect.deleteProperty(subtle, name);
  }
}
