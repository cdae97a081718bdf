// A process of its own that makes, rotates and revokes keys while others do the same, and prints what must be so of them.
import { openKeys } from "../../src/keys/open-keys.ts";
import { readSettings } from "../../src/cli/settings.ts";
import { defineConfig } from "../../src/deploy/config.ts";
import { createKey } from "../../src/keys/create.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { rotateKey } from "../../src/keys/rotate.ts";
import { CONFIG } from "./stage.ts";

/** A secret as it was shown, and whether it may work. */
export interface WrittenKey {
  readonly key: string;
  readonly isLiving: boolean;
}

const [label = "", rounds = "0", ...userIds] = process.argv.slice(2);
const config = defineConfig(CONFIG);
const keys = openKeys(config, await readSettings(process.env, false, config));
const written: WrittenKey[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const userId = userIds[round % userIds.length] ?? "";
  const { apiKey: kept } = await createKey(keys, userId, { name: `${label} kept ${round}` });
  const { apiKey: turned } = await createKey(keys, userId, { name: `${label} turned ${round}` });
  const { apiKey: fresh } = await rotateKey(keys, userId, turned.id, { overlapSeconds: 0 });
  const { apiKey: revoked } = await createKey(keys, userId, { name: `${label} revoked ${round}` });
  await revokeKey(keys, userId, revoked.id, "live");
  for (const one of [kept, fresh]) written.push({ key: one.reveal(), isLiving: true });
  for (const one of [turned, revoked]) written.push({ key: one.reveal(), isLiving: false });
}
process.stdout.write(JSON.stringify(written));
