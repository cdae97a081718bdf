import { isBuiltin, createRequire } from "node:module";
import { compileFunction } from "node:vm";

/** The handler that a trigger calls. */
export const HANDLERS = {
  "custom-token-exchange": "onExecuteCustomTokenExchange",
  "post-login": "onExecutePostLogin",
} as const;

export type Trigger = keyof typeof HANDLERS;

/** What a deployed version of an Action consists of. */
export interface ActionVersion {
  readonly id: string;
  readonly name: string;
  readonly trigger: Trigger;
  readonly code: string;
  readonly dependencies: readonly { readonly name: string; readonly version: string }[];
  readonly secrets: Readonly<Record<string, string>>;
}

type Handler = (event: object, api: object) => Promise<void>;
type Console = Readonly<Record<"log" | "info" | "warn" | "error" | "debug", (...values: unknown[]) => void>>;

const requireHere = createRequire(import.meta.url);

/**
 * A deployed version of an Action, loaded the way Auth0's own package does it: wrapped in a function, compiled as
 * CommonJS in the one realm there is, on the first execution, and kept for all later ones. What it throws while
 * loading is kept too. `node:vm` is no security boundary: run only code that you trust.
 */
export class DeployedAction {
  readonly version: ActionVersion;
  readonly #console: Console;
  #loaded: { readonly handler: Handler } | { readonly error: unknown } | undefined;

  constructor(version: ActionVersion, console: Console) {
    this.version = version;
    this.#console = console;
  }

  /** The handler; throws what the code threw while loading, or why its signature is wrong. */
  handler(): Handler {
    this.#loaded ??= this.#load();
    if ("error" in this.#loaded) throw this.#loaded.error;
    return this.#loaded.handler;
  }

  #load(): { readonly handler: Handler } | { readonly error: unknown } {
    const { code, id, trigger } = this.version;
    const name = HANDLERS[trigger];
    try {
      const wrapped = `module.exports = function(module, exports, console){\n${code}\n};`;
      const outer = { exports: {} as unknown };
      const require = this.#require();
      compileFunction(wrapped, ["module", "exports", "require"], { filename: `action-${id}.js` })(
        outer,
        outer.exports,
        require,
      );
      const inner = { exports: {} as Record<string, unknown> };
      (outer.exports as (module: object, exports: object, console: Console) => void)(
        inner,
        inner.exports,
        this.#console,
      );
      const handler = inner.exports[name];
      // Auth0 looks at the constructor: a plain function that returns a promise is refused.
      if (typeof handler === "function" && handler.constructor.name === "AsyncFunction") {
        return { handler: handler as Handler };
      }
      return {
        error: new TypeError(
          `Invalid function signature for the "${name}" handler. Use "exports.${name} = async function(event, api) { }" as the signature.`,
        ),
      };
    } catch (error) {
      return { error };
    }
  }

  #require(): (name: string) => unknown {
    return (name) => {
      if (isBuiltin(name) || this.version.dependencies.some((one) => one.name === name))
        return requireHere(name);
      throw new Error(`Cannot find module '${name}'`);
    };
  }
}
