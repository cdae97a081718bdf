import { isEqual, sealOf, type Peppers } from "./peppers.ts";

const FORMAT = "v1";
// A later version's seal covers its number as well, so that nobody can pass it off as this one.
const NEWER = /^v(?!1\.)[1-9][0-9]{0,3}\./;
const SEALED = /^v1\.([A-Za-z0-9_-]{43})\.(\{.*\})$/s;

/** What reading a sealed text can end in. */
export type Unsealed =
  | { readonly kind: "trusted"; readonly json: unknown; readonly pepperVersion: number }
  | { readonly kind: "untrusted" }
  /** A form that this version does not know, and so cannot check. */
  | { readonly kind: "newer" };

/** `v1.<seal>.<json>`: the seal, under the current pepper, makes a text that others wrote or altered worthless. */
export function seal(json: object, peppers: Peppers): string {
  const text = JSON.stringify(json);
  return `${FORMAT}.${sealOf(text, peppers.current)}.${text}`;
}

/** Checks the seal under each pepper held, and only then reads the JSON. */
export function unseal(sealed: string, peppers: Peppers): Unsealed {
  if (NEWER.test(sealed)) return { kind: "newer" };
  const [, seal = "", text = ""] = SEALED.exec(sealed) ?? [];
  for (const pepper of peppers.byVersion.values()) {
    if (isEqual(seal, sealOf(text, pepper))) {
      return { kind: "trusted", json: JSON.parse(text), pepperVersion: pepper.version };
    }
  }
  return { kind: "untrusted" };
}
