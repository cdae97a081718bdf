/** When a key was last exchanged, from where, and how often in all: what Redis holds beside the key's record. */
export interface KeyUse {
  /** Seconds since 1970. */
  readonly at: number;
  /** The caller's address; `undefined` if Auth0 gave none. */
  readonly ip: string | undefined;
  readonly count: number;
}

/** How long after it a use is forgotten, in seconds: 400 days, which is longer than an expiring key is known. */
export const USE_KEPT_SECONDS = 34_560_000;

/** The Redis key of a key's last use. Not under the records' prefix: nothing that looks for records comes upon it. */
export function useKey(keyId: string): string {
  return `apikey-use:${keyId}`;
}
