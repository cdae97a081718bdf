import { ApiKeysError } from "../../core/errors.ts";
import { countRecords, dropKeys } from "../../keys/drop-keys.ts";
import type { Io } from "../io.ts";
import type { Opened } from "./open-deploying.ts";

/** What `destroy --keys` ends, for people, before they are asked. Throws `store_foreign`. */
export async function endOfKeys({ keys }: Opened): Promise<string> {
  const records = await countRecords(keys);
  return `Every API key is dropped for good: ${records} records in Redis, and all entries in the users' app_metadata.`;
}

/** Drops them, with a line of the audit log for each user on standard error. Throws `keys_remain`. */
export async function dropAllKeys({ keys, deploying: { onProgress } }: Opened, io: Io): Promise<object> {
  const dropped = await dropKeys({
    ...keys,
    actor: `deploy:${io.env["USER"] ?? "unknown"}`,
    audit: (event) => io.stderr(`${JSON.stringify(event)}\n`),
  });
  const { users, entries, orphans, foreign, skipped } = dropped;
  onProgress(`Dropped ${entries} keys of ${users} users, and ${orphans} records without an entry.`);
  if (foreign.length > 0) {
    onProgress(`Not sealed by this deployment, and left in Redis: ${foreign.length} records.`);
  }
  if (skipped.size === 0) return { users, entries, orphans, foreign_records: foreign.length };
  const problems = [...skipped].map(([userId, problem]) => `${userId}: ${problem}`);
  throw new ApiKeysError(
    "keys_remain",
    `The entries of ${skipped.size} users are still there. ${problems.join(" ")}`,
    "Mend what is said of each, then run again: npm run deploy -- destroy --keys",
  );
}
