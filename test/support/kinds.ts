import { readFileSync } from "node:fs";
import { join } from "node:path";

import { numbersOf } from "../../src/report/page.ts";

/** The numbers that a page of docs was made of. */
export function readNumbers(path: string): unknown {
  return JSON.parse(readFileSync(join("docs", numbersOf(path)), "utf8"));
}

// Named after what was measured, or after what failed.
const BY_NAME = /\.(failures|peers|not_compared)$/;

/** What there is in some JSON, without its numbers: each place once, with what is there, `.waiting[].load number`. */
export function kindsIn(value: unknown): readonly string[] {
  return [...new Set(walk(value, ""))].toSorted((one, other) => one.localeCompare(other));
}

function walk(value: unknown, place: string): readonly string[] {
  if (BY_NAME.test(place)) return [place];
  if (Array.isArray(value)) return [`${place} array`, ...value.flatMap((one) => walk(one, `${place}[]`))];
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([name, one]) => walk(one, `${place}.${name}`));
  }
  // A number that this machine could not tell.
  return [`${place} ${value === null ? "number" : typeof value}`];
}
