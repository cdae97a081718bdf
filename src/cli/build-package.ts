import { chmod } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

/**
 * Builds `auth0-api-keys` as one file of plain JavaScript: what a CI script calls a hundred times must not spend its
 * time on loading.
 */
export async function buildProgram(outfile: string): Promise<void> {
  await build({
    absWorkingDir: fileURLToPath(new URL("../../", import.meta.url)),
    entryPoints: ["scripts/auth0-api-keys.ts"],
    outfile,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node20",
    banner: { js: "#!/usr/bin/env node" },
    legalComments: "none",
    logLevel: "warning",
  });
  await chmod(outfile, 0o755);
}

/** Builds `<auth0-api-keys>` as one module without imports: a page can load the file as it is. */
export async function buildElement(outfile: string): Promise<void> {
  await build({
    absWorkingDir: fileURLToPath(new URL("../../", import.meta.url)),
    entryPoints: ["src/element/index.ts"],
    outfile,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    legalComments: "none",
    logLevel: "warning",
  });
}
