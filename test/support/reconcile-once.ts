// A process of its own for the tests of size: reconciles the whole tenant with --fix, and prints what it took.
import { peakResidentMib } from "../../src/bench/peak-memory.ts";
import { openKeys } from "../../src/keys/open-keys.ts";
import { readSettings } from "../../src/cli/settings.ts";
import { defineConfig } from "../../src/deploy/config.ts";
import { reconcile } from "../../src/keys/reconcile.ts";
import { CONFIG } from "./stage.ts";

const config = defineConfig(CONFIG);
const keys = openKeys(config, await readSettings(process.env, false, config));
const startedMs = performance.now();
let mended = 0;
const done = await reconcile(keys, {
  fix: true,
  restoreEntries: false,
  restoreMany: false,
  onDifference: (difference) => void (mended += difference.mended ? 1 : 0),
});
const seconds = Math.round(performance.now() - startedMs) / 1000;
process.stdout.write(JSON.stringify({ ...done, mended, seconds, peakMegabytes: peakResidentMib() }));
