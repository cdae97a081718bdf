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

export const TEXT: Rule = {
  must: "a string that is not empty",
  test: (value) => typeof value === "string" && value !== "",
};
export const FUNCTION: Rule = { must: "a function", test: (value) => typeof value === "function" };
export const COUNT: Rule = {
  must: "a whole number from 1",
  test: (value) => Number.isSafeInteger(value) && Number(value) > 0,
};
export const TEXTS: Rule = {
  must: "a list of strings that are not empty",
  test: (value) => Array.isArray(value) && value.every(TEXT.test),
};

export const SAFE_URL: Rule = { must: "an https URL", test: isSafeUrl };
export const ISSUER: Rule = {
  must: 'an https URL that ends in a slash, as in "https://acme.eu.auth0.com/"',
  test: (value) => isSafeUrl(value) && new URL(value).href === value && value.endsWith("/"),
};

/** What may be left out. If it is there, it must not be undefined: an unset variable would change a default silently. */
export function optional(rule: Rule): Rule {
  return { ...rule, isOptional: true };
}

/** An object that has these members, and maybe more. */
export function having(...names: readonly string[]): Rule {
  return {
    must: `an object with ${names.join(", ")}`,
    test: (value) => isObject(value) && names.every((name) => value[name] !== undefined),
  };
}

/** An object with these options alone. */
export function options<Options extends object>(rules: Rules<Options>): Rule {
  return { must: "an object", test: isObject, rules };
}

/**
 * Checks options when a thing is made of them. Throws a `TypeError` that names what is missing, wrong or unknown, and
 * never quotes a value, which may be a secret.
 */
export function checkOptions<Options extends object>(
  what: string,
  options: Options,
  rules: Rules<Options>,
): void {
  if (!isObject(options)) throw new TypeError(`${what} must be an object.`);
  const known = rules as Readonly<Record<string, Rule>>;
  for (const [name, rule] of Object.entries(known)) {
    if (rule.isOptional && !(name in options)) continue;
    const value = options[name];
    if (!rule.test(value)) {
      const isUndefined = value === undefined ? ", and is undefined" : "";
      throw new TypeError(`${what}: "${name}" must be ${rule.must}${isUndefined}.`);
    }
    if (rule.rules) checkOptions(`${what}: "${name}"`, value as object, rule.rules);
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  const nearest = nearestOf(unknown, Object.keys(known));
  const hint = nearest === undefined ? "" : ` Did you mean "${nearest}"?`;
  throw new TypeError(`${what}: there is no option "${unknown}".${hint}`);
}

// What is sent there, or believed that comes from there, must not cross a network in the clear.
function isSafeUrl(value: unknown): value is string {
  return (
    typeof value === "string" &&
    /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1)(:|\/|$))/.test(value) &&
    URL.canParse(value)
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
