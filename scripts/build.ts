import { buildElement, buildProgram } from "../src/cli/build-package.ts";

await buildProgram("dist/auth0-api-keys.cjs");
await buildElement("dist/element/index.js");
