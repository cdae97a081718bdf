import * as v from "valibot";

import { ApiKeysError } from "../core/errors.ts";
import { foreignKey, isForeignKey, sha256Of, type PresentedKey } from "../core/presented-key.ts";
import type { NewKeyRequest } from "../core/policy.ts";
import { secondsOfTimestamp } from "../core/timestamp.ts";

/** A foreign key to import: whose it is, and what it may do. */
export interface ImportedLine {
  readonly userId: string;
  readonly key: PresentedKey;
  readonly request: NewKeyRequest;
}

const text = v.pipe(v.string(), v.minLength(1));
const texts = v.pipe(v.array(text), v.minLength(1));

const lineSchema = v.strictObject({
  user_id: text,
  name: text,
  key: v.optional(text),
  /** Hexadecimal, or base64 in either alphabet. */
  sha256: v.optional(v.pipe(v.string(), v.regex(/^([0-9A-Fa-f]{64}|[0-9A-Za-z+/_-]{43}=?)$/))),
  scope: v.optional(v.string()),
  audience: v.optional(texts),
  org_id: v.optional(text),
  ip: v.optional(texts),
  clients: v.optional(texts),
  /** `null`: never, if the policy allows that. Absent: the policy's default from now. */
  expires_at: v.optional(
    v.nullable(
      v.pipe(
        v.string(),
        v.check((text) => secondsOfTimestamp(text) !== undefined),
      ),
    ),
  ),
});

/**
 * Reads a line of an import: a JSON object with `user_id`, `name`, either `key` or `sha256`, and optionally what
 * restricts the key. Throws `import_line_invalid`, which names the field and never quotes the line.
 */
export function readImportLine(
  line: string,
  keyPrefixes: readonly string[],
  nowSeconds: number,
): ImportedLine {
  const parsed = v.safeParse(lineSchema, parseJson(line));
  if (!parsed.success) {
    // Without what was found there: it may be a key.
    const fields = parsed.issues.map((issue) => v.getDotPath(issue) ?? "the line itself");
    throw invalid(`Missing, unknown or malformed: ${[...new Set(fields)].join(", ")}.`);
  }
  const { user_id, name, key, sha256, scope, audience, org_id, ip, clients, expires_at } = parsed.output;
  if ((key === undefined) === (sha256 === undefined)) throw invalid("It needs either key or sha256.");
  if (key !== undefined && !isForeignKey(key, keyPrefixes)) {
    throw invalid(
      "The key is none that can be imported: 24 to 1,024 printable characters, and not in the form of this product's own keys.",
    );
  }
  return {
    userId: user_id,
    key: foreignKey(key === undefined ? bytesOf(sha256 ?? "") : sha256Of(key)),
    request: {
      name,
      ...(scope !== undefined && { scope }),
      ...(audience && { audiences: audience }),
      ...(org_id !== undefined && { organizationId: org_id }),
      ...(ip && { ipRanges: ip }),
      ...(clients && { clientIds: clients }),
      ...(expires_at !== undefined && { lifetimeDays: lifetimeDays(expires_at, nowSeconds) }),
    },
  };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

function bytesOf(sha256: string): Uint8Array {
  return new Uint8Array(Buffer.from(sha256, sha256.length === 64 ? "hex" : "base64url"));
}

function lifetimeDays(expiresAt: string | null, nowSeconds: number): number | "never" {
  return expiresAt === null ? "never" : ((secondsOfTimestamp(expiresAt) ?? 0) - nowSeconds) / 86_400;
}

function invalid(what: string): ApiKeysError {
  return new ApiKeysError(
    "import_line_invalid",
    what,
    "A line is a JSON object: user_id, name, key or sha256, and optionally scope, audience, org_id, ip, clients, expires_at.",
  );
}
