import { CLIENT } from "./client.ts";
import { CORE } from "./core.ts";
import { DEPLOY } from "./deploy.ts";
import { KEYS } from "./keys.ts";
import type { Mutant } from "./mutant.ts";
import { PROOF } from "./proof.ts";
import { SELF_SERVICE } from "./self-service.ts";

/**
 * Mutants: small bugs, each with the tests that must fail because of it. `npm run mutants` tries them on copies of this
 * checkout, two at a time; `npm run mutants -- --only NAME` tries one. To add one, add an object to the group of its
 * file, in the list of its area beside this one:
 *
 * - `name`: what is broken, for people and for `--only`; no two are the same.
 * - `find`: text that stands in the file just once, whitespace included; it may span lines.
 * - `replace`: what stands there instead. The mutant must compile as JavaScript: a file that cannot be loaded proves nothing.
 * - `tests`: files of tests, of which one must fail. Default: those of the group.
 * - `only`: a regular expression over the full names of tests (Vitest's `-t`): the fewer, the faster.
 *
 * `test/mutants/list.test.ts` is part of `npm test`: it fails where a text is no longer found just once, so change the
 * mutant with the code. A mutant that lives is a missing test: write that, and do not delete the mutant.
 */
export const MUTANTS: readonly Mutant[] = [
  ...CORE,
  ...KEYS,
  ...CLIENT,
  ...SELF_SERVICE,
  ...DEPLOY,
  ...PROOF,
].flatMap(([file, tests, mutants]) => mutants.map((one) => ({ tests, ...one, file })));

/** The text with the mutant in it; `undefined` where its place is not there just once. */
export function mutate(
  text: string,
  { find, replace }: Pick<Mutant, "find" | "replace">,
): string | undefined {
  const [before, after, ...more] = text.split(find);
  if (before === undefined || after === undefined || more.length > 0) return undefined;
  return `${before}${replace}${after}`;
}
