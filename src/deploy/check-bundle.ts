import { createRequire, isBuiltin } from "node:module";
import { compileFunction } from "node:vm";

import { ApiKeysError } from "../core/errors.ts";
import type { ActionBundle, Trigger } from "./bundle.ts";

const MAX_CODE_BYTES = 100_000;
const HANDLERS: Readonly<Record<Trigger, string>> = {
  "custom-token-exchange": "onExecuteCustomTokenExchange",
  "post-login": "onExecutePostLogin",
};

const requireHere = createRequire(import.meta.url);

/**
 * Loads a bundle the way Auth0's runtime does, since Auth0 builds and deploys code that does not even parse. Throws
 * `bundle_invalid` with what is wrong: too large, a dynamic import, a syntax error, the wrong handler.
 */
export function checkBundle({
  trigger,
  code,
  dependencies,
}: Pick<ActionBundle, "trigger" | "code" | "dependencies">): void {
  const refuse = (problem: string, cause?: unknown) =>
    new ApiKeysError(
      "bundle_invalid",
      `The Action for ${trigger} cannot be deployed: ${problem}`,
      `Correct actions/${trigger}.ts or what it imports.`,
      cause,
    );
  const bytes = Buffer.byteLength(code);
  if (bytes > MAX_CODE_BYTES) throw refuse(`it has ${bytes} bytes, and Auth0 takes ${MAX_CODE_BYTES}.`);
  if (/(?<![.\w$])import\s*\(/.test(code)) throw refuse("it has a dynamic import, which fails there.");
  const name = HANDLERS[trigger];
  let handler: unknown;
  try {
    handler = load(code, (wanted) => {
      if (isBuiltin(wanted) || dependencies.some((one) => one.name === wanted)) return requireHere(wanted);
      throw new Error(`"${wanted}" is not among its dependencies`);
    })[name];
  } catch (error) {
    throw refuse(`it does not load. ${error instanceof Error ? error.message : ""}`, error);
  }
  if (typeof handler !== "function") throw refuse(`it exports no ${name}.`);
  if (handler.constructor.name !== "AsyncFunction") throw refuse(`its ${name} is no native async function.`);
}

/** Auth0's wrapper: module code in a function, compiled as CommonJS. */
function load(code: string, require: (name: string) => unknown): Record<string, unknown> {
  const wrapped = `module.exports = function(module, exports, console){\n${code}\n};`;
  const outer = { exports: {} as unknown };
  compileFunction(wrapped, ["module", "exports", "require"])(outer, outer.exports, require);
  const inner = { exports: {} as Record<string, unknown> };
  (outer.exports as (module: object, exports: object, console: object) => void)(inner, inner.exports, {});
  return inner.exports;
}
