import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

import type { RandomBytes } from "./base62.ts";
import { ApiKeysError } from "./errors.ts";

/** The two keys derived from one pepper. `hash` keys the hashes of API keys, `seal` the seals of records. */
export interface PepperKeys {
  readonly version: number;
  readonly hashKey: Uint8Array;
  readonly sealKey: Uint8Array;
}

/** The peppers that a deployment holds: new hashes and seals use the current one, old ones are still understood. */
export interface Peppers {
  readonly current: PepperKeys;
  readonly byVersion: ReadonlyMap<number, PepperKeys>;
}

const MIN_PEPPER_BYTES = 32;
const MIN_DISTINCT_BYTES = 16;

/**
 * Throws `pepper_invalid` for peppers that nobody should begin with: a current one that was not made at random, base64 with
 * stray bits, two versions of the same bytes. What is deployed goes on working: only programs that people run are strict.
 */
export function refuseWeakPeppers(text: string): void {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  const bodies = parts.map((part) => part.replace(/^\d+:/, "").replace(/=+$/, ""));
  const roots = bodies.map((body) => Buffer.from(body, "base64url"));
  const canonical = (body: string) => body.replaceAll("+", "-").replaceAll("/", "_");
  if (roots.some((root, at) => root.toString("base64url") !== canonical(bodies[at] ?? ""))) {
    throw invalid("A pepper is not written as base64 writes it: it was cut or mistyped.");
  }
  if (new Set(roots.map((root) => root.toString("hex"))).size !== roots.length) {
    throw invalid("Two versions of the pepper are the same bytes.");
  }
  const [body = ""] = bodies;
  const isMixed = [/[a-z]/g, /[A-Z]/g].every((letters) => (body.match(letters)?.length ?? 0) > 2);
  if (isMixed && new Set(roots[0]).size >= MIN_DISTINCT_BYTES) return;
  throw invalid("The pepper was not made at random: it could be guessed.");
}

/** What can be wrong with the text of peppers. */
export type PepperProblem = "missing" | "malformed" | "short" | "repeated";

/**
 * Reads peppers from their text form: `VERSION:BASE64` pairs separated by spaces or commas, the current one first. A
 * single pepper may leave out its version, which is then 1. Gives what is wrong in a word: the Actions say no more.
 */
export function readPeppers(text: string): Peppers | PepperProblem {
  const byVersion = new Map<number, PepperKeys>();
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  for (const part of parts) {
    const match = /^(?:([1-9][0-9]{0,8}):)?([0-9A-Za-z+/_-]+)={0,2}$/.exec(part);
    if (!match || (match[1] === undefined && parts.length > 1)) return "malformed";
    const root = Buffer.from(match[2] ?? "", "base64url");
    if (root.length < MIN_PEPPER_BYTES) return "short";
    const version = Number(match[1] ?? 1);
    if (byVersion.has(version)) return "repeated";
    byVersion.set(version, derive(version, root));
  }
  const [current] = byVersion.values();
  return current ? { current, byVersion } : "missing";
}

/** As {@link readPeppers}. Throws `pepper_invalid`, never quoting the text. */
export function parsePeppers(text: string): Peppers {
  if (/["'`\u2018-\u201f]/.test(text))
    throw invalid("There are quotes around a pepper, or in it: leave them out.");
  const peppers = readPeppers(text);
  if (typeof peppers !== "string") return peppers;
  throw invalid(
    {
      missing: "There is no pepper.",
      malformed: "A pepper is not of the form VERSION:BASE64.",
      short: `A pepper is shorter than ${MIN_PEPPER_BYTES} bytes: it was cut or mistyped.`,
      repeated: "Two peppers have the same version: number each once.",
    }[peppers],
  );
}

/** Most who see this have a deployment, whose pepper was cut or mistyped on its way: a new one is the wrong remedy. */
function invalid(problem: string): ApiKeysError {
  return new ApiKeysError(
    "pepper_invalid",
    problem,
    "Compare it with where it is kept: another pepper ends every key that there is. Only for a new deployment, make one: openssl rand -base64 32",
  );
}

/** The text form with a new pepper, which is the current one from then on, numbered one above the highest. */
export function addPepper(text: string, randomBytes: RandomBytes): string {
  const { current, byVersion } = parsePeppers(text);
  // A single pepper may be without its version, which it needs beside another.
  const others =
    byVersion.size === 1 ? `${current.version}:${text.trim().replace(/^\d+:/, "")}` : text.trim();
  const pepper = Buffer.from(randomBytes(MIN_PEPPER_BYTES)).toString("base64url");
  return `${Math.max(...byVersion.keys()) + 1}:${pepper} ${others}`;
}

/** The text form without one version. */
export function dropPepper(text: string, version: number): string {
  return text
    .split(/[\s,]+/)
    .filter((part) => !part.startsWith(`${version}:`))
    .join(" ")
    .trim();
}

/** The current pepper alone. */
export function currentOnly({ current }: Peppers): Peppers {
  return { current, byVersion: new Map([[current.version, current]]) };
}

/** HMAC-SHA-256 of an API key under one pepper's hash key, base64url (43 characters). */
export function hashKey(apiKey: string, pepper: PepperKeys): string {
  return createHmac("sha256", pepper.hashKey).update(apiKey).digest("base64url");
}

/** HMAC-SHA-256 of a stored text under one pepper's seal key, base64url (43 characters). */
export function sealOf(text: string, pepper: PepperKeys): string {
  return createHmac("sha256", pepper.sealKey).update(text).digest("base64url");
}

/** Compares two hashes or seals in constant time. Only their length, which is public, is told apart early. */
export function isEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function derive(version: number, root: Uint8Array): PepperKeys {
  const key = (label: string) => new Uint8Array(hkdfSync("sha256", root, "", label, 32));
  return { version, hashKey: key("hash"), sealKey: key("seal") };
}
