import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { configOf } from "../core/environments.ts";
import { ApiKeysError } from "../core/errors.ts";
import { isObject } from "../core/key-entry.ts";
import type { DeployConfig, DeployConfigs } from "./config.ts";

/**
 * Loads a `deploy.config.ts`, relative to the working directory, and gives its configuration of an environment. Throws
 * `configuration_invalid`.
 */
export async function loadDeployConfig(file: string, environment?: string): Promise<DeployConfig> {
  const fix = "Let it end in: export default defineConfig({ … }), or name another file with --config.";
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(resolve(file)).href)) as typeof module;
  } catch (error) {
    // By its code: a second copy of this package, as a CommonJS project may load it, has a class of its own.
    if (isObject(error) && error["code"] === "configuration_invalid") {
      const { message, fix: mend, cause } = error as unknown as ApiKeysError;
      throw new ApiKeysError("configuration_invalid", message, mend, cause);
    }
    const said = error instanceof Error ? error.message : "";
    throw new ApiKeysError("configuration_invalid", `${file} could not be loaded. ${said}`, fix, error);
  }
  // What a CommonJS module exports as its default is the default's own.
  const outer = module.default;
  const exported = isObject(outer) && isObject(outer["default"]) ? outer["default"] : outer;
  if (isConfig(exported) || isConfigs(exported)) {
    return configOf<DeployConfig>(exported, environment);
  }
  throw new ApiKeysError("configuration_invalid", `${file} exports no configuration.`, fix);
}

/** What `defineConfig` gives, and not what it is given: that was not checked. */
function isConfig(exported: unknown): exported is DeployConfig {
  return isObject(exported) && "keyPrefixes" in exported;
}

function isConfigs(exported: unknown): exported is DeployConfigs {
  if (!isObject(exported) || !isObject(exported["environments"])) return false;
  return Object.values(exported["environments"]).every(isConfig);
}
