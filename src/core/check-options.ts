import { nearestOf } from "./nearest.ts";

/** What an option must be: in words, after "must be", and as a test. */
export interface Rule {
  readonly must: string;
  readonly test: (value: unknown) => boolean;
  readonly isOptional?: true;
  /** Of an object: what its own options must be. */
  readonly rules?: Readonly<Record<string, Rule>>;
}

/** A rule for each option that there is. */
export type Rules<Options> = { readonly [Name in keyof Required<Options>]: Rule };

export const STRING = rule("a string", (value) => typeof value === "string");
export const TEXT = rule(
  "a string that is not blank",
  (value) => typeof value === "string" && value.trim() !== "",
);
export const TEXTS = rule(
  "a list of strings that are not blank",
  (value) => Array.isArray(value) && value.every(TEXT.test),
);
export const FLAG = rule("true or false", (value) => typeof value === "boolean");
export const FUNCTION = rule("a function", (value) => typeof value === "function");
export const COUNT = rule(
  "a whole number from 1",
  (value) => Number.isSafeInteger(value) && Number(value) > 0,
);
export const MILLISECONDS = rule(
  "a number of milliseconds from 0",
  (value) => Number.isFinite(value) && Number(value) >= 0,
);
export const HTTP_URL = rule("an http or https URL", (value) => urlOf(value) !== undefined);
// What is sent there, or believed that comes from there, must not cross a network in the clear.
export const SAFE_URL = rule("an https URL", isSafe);
export const ISSUER = rule(
  'an https URL that ends in a slash, as in "https://acme.eu.auth0.com/"',
  (value) => isSafe(value) && urlOf(value)?.href === value && value.endsWith("/"),
);

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;

export function rule(must: string, test: Rule["test"]): Rule {
  return { must, test };
}

/** What may be left out. If it is there, it must not be undefined: an unset variable would change a default silently. */
export function optional(one: Rule): Rule {
  return { ...one, isOptional: true };
}

/** What may be left out, and be undefined too: its type says so. */
export function orUndefined({ must, test }: Rule): Rule {
  return optional(rule(must, (value) => value === undefined || test(value)));
}

export function oneOf(...values: readonly unknown[]): Rule {
  return rule(values.map((value) => `"${String(value)}"`).join(" or "), (value) => values.includes(value));
}

/** An object that has these members, and maybe more. */
export function having(...names: readonly string[]): Rule {
  return rule(
    `an object with ${names.join(", ")}`,
    (value) => isObject(value) && names.every((name) => value[name] !== undefined),
  );
}

/** An object that has these methods, and maybe more. */
export function havingMethods(...names: readonly string[]): Rule {
  const { must, test } = having(...names);
  return rule(must, (value) => test(value) && names.every((name) => FUNCTION.test(Object(value)[name])));
}

/** An object with these options alone. */
export function options<Options extends object>(rules: Rules<Options>): Rule {
  return { must: "an object", test: isObject, rules };
}

/**
 * Checks options when a thing is made of them. Throws a `TypeError` that names the first that is missing, wrong or
 * unknown.
 */
export function checkOptions<Options extends object>(
  what: string,
  options: Options,
  rules: Rules<Options>,
): void {
  if (!isObject(options)) throw new TypeError(`${what} must be given its options`);
  const known = rules as Readonly<Record<string, Rule>>;
  for (const [name, one] of Object.entries(known)) {
    if (!(name in options) && one.isOptional) continue;
    const value = options[name];
    check(`${what}: "${name}"`, value, one);
    if (one.rules) checkOptions(`${what}: "${name}"`, value as object, one.rules);
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  const nearest = nearestOf(unknown, Object.keys(known));
  const hint = nearest === undefined ? "" : `. Did you mean "${nearest}"?`;
  throw new TypeError(`${what}: there is no option "${unknown}"${hint}`);
}

/** Checks one argument or option; `name` begins the message. Never quotes the value, which may be a secret. */
export function check(name: string, value: unknown, { must, test }: Rule): void {
  if (test(value)) return;
  throw new TypeError(`${name} must be ${must}${value === undefined ? ", and is undefined" : ""}`);
}

function isSafe(value: unknown): value is string {
  const url = urlOf(value);
  return url?.protocol === "https:" || (url !== undefined && LOOPBACK.test(url.hostname));
}

function urlOf(value: unknown): URL | undefined {
  if (typeof value !== "string" || !URL.canParse(value)) return undefined;
  const url = new URL(value);
  return url.protocol === "https:" || url.protocol === "http:" ? url : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
