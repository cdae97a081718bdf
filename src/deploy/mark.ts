import { createHash } from "node:crypto";

import * as v from "valibot";

import type { DeploymentId } from "../core/deployment.ts";

/**
 * Something on a tenant that several deployments may share: an API, one of its scopes, that it asks for no consent, how long
 * its tokens live, a client that may exchange keys, the throttling of guesses. `of` is an identifier or a client id.
 */
export type Share =
  | { readonly kind: "api"; readonly of: string }
  | { readonly kind: "scope"; readonly of: string; readonly scope: string }
  | { readonly kind: "consent"; readonly of: string }
  | { readonly kind: "lifetime"; readonly of: string; readonly seconds: number }
  | { readonly kind: "client"; readonly of: string; readonly hadList?: boolean | undefined }
  | { readonly kind: "throttling"; readonly maxAttempts: number; readonly regainMs: number };

/** What the code of each Action says of its deployment, in a comment: so it is known wherever the tenant is. */
export interface DeploymentMark extends DeploymentId {
  readonly subjectTokenType: string;
  /** Every prefix that its keys may have. */
  readonly keyPrefixes: readonly string[];
  /** Tells its Redis database from others: {@link storeIdOf}. */
  readonly store: string;
  readonly uses: readonly Share[];
  /** What it added, with what was there before: it is taken back once no deployment of the tenant uses it. */
  readonly gave: readonly Share[];
}

/** Another deployment of the tenant; without a mark if it was made by a version that wrote none. */
export interface Neighbour {
  readonly name: string;
  readonly actionIds: readonly string[];
  readonly mark?: DeploymentMark | undefined;
}

const BEGINNING = "// deployment: ";
const of = v.string();
const shares = v.array(
  v.variant("kind", [
    v.object({ kind: v.literal("api"), of }),
    v.object({ kind: v.literal("scope"), of, scope: v.string() }),
    v.object({ kind: v.literal("consent"), of }),
    v.object({ kind: v.literal("lifetime"), of, seconds: v.number() }),
    v.object({ kind: v.literal("client"), of, hadList: v.optional(v.boolean()) }),
    v.object({ kind: v.literal("throttling"), maxAttempts: v.number(), regainMs: v.number() }),
  ]),
);
const schema = v.object({
  tenant: v.string(),
  name: v.string(),
  subjectTokenType: v.string(),
  keyPrefixes: v.array(v.string()),
  store: v.string(),
  uses: shares,
  gave: shares,
});

/** The comment, as the last lines of an Action's code have it. */
export function markLine(mark: DeploymentMark): string {
  // In code, U+2028 and U+2029 end a line, and with it a comment.
  const json = JSON.stringify(mark).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
  return `${BEGINNING}${json}\n`;
}

/** Whether a line of an Action's code is its mark. */
export function isMarkLine(line: string): boolean {
  return line.startsWith(BEGINNING);
}

/** The mark in an Action's code; `undefined` where there is none, or none that can be read. */
export function readMark(code: string): DeploymentMark | undefined {
  const line = code.split("\n").findLast((one) => one.startsWith(BEGINNING));
  try {
    const parsed = v.safeParse(schema, JSON.parse(line?.slice(BEGINNING.length) ?? ""));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** 22 characters that tell one Redis database from another, by its URL, and are no address. */
export function storeIdOf(redisUrl: string): string {
  const { host, pathname } = new URL(redisUrl);
  return createHash("sha256")
    .update(`${host}${pathname.replace(/\/+$/, "")}`)
    .digest("base64url")
    .slice(0, 22);
}
