import { isKeyPrefix } from "../core/key-format.ts";
import { nearestOf } from "../core/nearest.ts";

/** What an option must be: in words, after "must be", and as a test. */
export interface Rule {
  readonly must: string;
  readonly test: (value: unknown) => boolean;
  readonly isOptional?: true;
}

/** A rule for each option that there is. */
export type Rules<Options> = { readonly [Name in keyof Required<Options>]: Rule };

export const TEXT: Rule = {
  must: "a string that is not blank",
  test: (value) => typeof value === "string" && value.trim() !== "",
};
export const FLAG: Rule = { must: "true or false", test: (value) => typeof value === "boolean" };
export const FUNCTION: Rule = { must: "a function", test: (value) => typeof value === "function" };
export const MILLISECONDS: Rule = {
  must: "a number of milliseconds from 0",
  test: (value) => typeof value === "number" && value >= 0 && Number.isFinite(value),
};
export const COUNT: Rule = {
  must: "a positive integer",
  test: (value) => Number.isSafeInteger(value) && Number(value) > 0,
};
export const KEY_PREFIXES: Rule = {
  must: "a list of key prefixes",
  test: (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((one) => typeof one === "string" && isKeyPrefix(one)),
};
export const HTTP_URL: Rule = { must: "an http or https URL", test: (value) => urlOf(value) !== undefined };
// What is sent there, or believed that comes from there, must not cross a network in the clear.
export const SAFE_URL: Rule = { must: "an https URL", test: isSafe };
export const ISSUER: Rule = {
  must: 'an https URL that ends in a slash, as in "https://acme.eu.auth0.com/"',
  test: (value) => isSafe(value) && urlOf(value)?.href === value && value.endsWith("/"),
};

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;

/** What may be left out. What is there must not be undefined: an unset variable would switch a check off in silence. */
export function optional(rule: Rule): Rule {
  return { ...rule, isOptional: true };
}

export function oneOf(...values: readonly string[]): Rule {
  return {
    must: values.map((value) => `"${value}"`).join(" or "),
    test: (value) => values.includes(value as string),
  };
}

/** An object with these methods. */
export function having(...methods: readonly string[]): Rule {
  return {
    must: `an object with ${methods.join(", ")}`,
    test: (value) =>
      typeof value === "object" &&
      value !== null &&
      methods.every((method) => typeof (value as Record<string, unknown>)[method] === "function"),
  };
}

/** Checks options when a thing is made of them. Throws a `TypeError` that names the first that is wrong. */
export function checkOptions<Options extends object>(
  what: string,
  options: Options,
  rules: Rules<Options>,
): void {
  if (typeof options !== "object" || options === null)
    throw new TypeError(`${what} must be given its options`);
  const given = options as Readonly<Record<string, unknown>>;
  const known = rules as Readonly<Record<string, Rule>>;
  for (const [name, rule] of Object.entries(known)) {
    if (!(name in given) && rule.isOptional) continue;
    check(`${what}: "${name}"`, given[name], rule);
  }
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  const nearest = nearestOf(unknown, Object.keys(known));
  throw new TypeError(
    `${what}: there is no option "${unknown}"${nearest === undefined ? "" : `. Did you mean "${nearest}"?`}`,
  );
}

/** Checks one argument or option; `name` begins the message. Never quotes the value, which may be a secret. */
export function check(name: string, value: unknown, rule: Rule): void {
  if (rule.test(value)) return;
  throw new TypeError(`${name} must be ${rule.must}${value === undefined ? ", and is undefined" : ""}`);
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
