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

/** What is needed must be. */
export const must = {
  text: rule("a string that is not blank", (value) => typeof value === "string" && value.trim() !== ""),
  flag: rule("true or false", (value) => typeof value === "boolean"),
  function: rule("a function", (value) => typeof value === "function"),
  milliseconds: rule(
    "a number of milliseconds from 0",
    (value) => Number.isFinite(value) && Number(value) >= 0,
  ),
  count: rule("a positive integer", (value) => Number.isSafeInteger(value) && Number(value) > 0),
  keyPrefixes: rule(
    "a list of key prefixes",
    (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((one) => typeof one === "string" && isKeyPrefix(one)),
  ),
  httpUrl: rule("an http or https URL", (value) => urlOf(value) !== undefined),
  // What is sent there, or believed that comes from there, must not cross a network in the clear.
  safeUrl: rule("an https URL", isSafe),
  issuer: rule(
    'an https URL that ends in a slash, as in "https://acme.eu.auth0.com/"',
    (value) => isSafe(value) && urlOf(value)?.href === value && value.endsWith("/"),
  ),
};

/** The same, of what may be left out. What is there must not be undefined: an unset variable would switch a check off. */
export const may = Object.fromEntries(
  Object.entries(must).map(([name, one]) => [name, optional(one)]),
) as typeof must;

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;

export function rule(must: string, test: Rule["test"]): Rule {
  return { must, test };
}

export function optional(one: Rule): Rule {
  return { ...one, isOptional: true };
}

export function oneOf(...values: readonly unknown[]): Rule {
  return rule(values.map((value) => `"${String(value)}"`).join(" or "), (value) => values.includes(value));
}

/** An object with these methods. */
export function having(...methods: readonly string[]): Rule {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null;
  return rule(
    `an object with ${methods.join(", ")}`,
    (value) => isObject(value) && methods.every((method) => typeof value[method] === "function"),
  );
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
