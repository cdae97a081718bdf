// A process of its own for the concurrency test: makes keys as fast as it can, and prints what became of each.
import { openKeys } from "../../src/keys/open-keys.ts";
import { readSettings } from "../../src/cli/settings.ts";
import { ApiKeysError } from "../../src/core/errors.ts";
import { defineConfig } from "../../src/deploy/config.ts";
import { createKey } from "../../src/keys/create.ts";
import { CONFIG } from "./stage.ts";

const [label = "", count = "0", ...userIds] = process.argv.slice(2);
const config = defineConfig(CONFIG);
const keys = openKeys(config, await readSettings(process.env, false, config));
const outcomes = await Promise.all(
  Array.from({ length: Number(count) }, async (_, at) => {
    const user = userIds[at % userIds.length] ?? "";
    try {
      const { entry } = await createKey(keys, user, { name: `${label} ${at}` });
      return { user, id: entry.id };
    } catch (error) {
      return { user, refused: error instanceof ApiKeysError ? error.code : String(error) };
    }
  }),
);
process.stdout.write(JSON.stringify(outcomes));
