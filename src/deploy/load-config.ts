import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { ApiKeysError } from "../core/errors.ts";
import type { DeployConfig } from "./config.ts";

/** Loads a `deploy.config.ts`, relative to the working directory. Throws `configuration_invalid`. */
export async function loadDeployConfig(file: string): Promise<DeployConfig> {
  const fix = "Let it end in: export default defineConfig({ … }), or name another file with --config.";
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(resolve(file)).href)) as typeof module;
  } catch (error) {
    if (error instanceof ApiKeysError) throw error;
    const said = error instanceof Error ? error.message : "";
    throw new ApiKeysError("configuration_invalid", `${file} could not be loaded. ${said}`, fix, error);
  }
  if (typeof module.default === "object" && module.default !== null && "keyPrefixes" in module.default) {
    return module.default as DeployConfig;
  }
  throw new ApiKeysError("configuration_invalid", `${file} exports no configuration.`, fix);
}
