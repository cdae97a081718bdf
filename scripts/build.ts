import { rm } from "node:fs/promises";

import { buildElement, buildProgram } from "../src/cli/build-package.ts";

// What was built of files that are gone must not be packed.
await rm("dist", { recursive: true, force: true });
await buildProgram("dist/auth0-api-keys.cjs");
await buildElement("dist/element/index.js");
