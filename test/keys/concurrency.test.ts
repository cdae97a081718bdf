import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { keyEntriesOf } from "../support/entries.ts";
import { recordKey } from "../../src/core/key-record.ts";
import { newUser } from "../../src/local/management/users.ts";
import { environmentOf, stage, type Stage } from "../support/stage.ts";

const run = promisify(execFile);
const USERS = [0, 1, 2, 3, 4].map((number) => `auth0|user${number}`);
const LIMIT = 20;

interface Outcome {
  readonly user: string;
  readonly id?: string;
  readonly refused?: string;
}

let s: Stage;
beforeAll(async () => {
  s = await stage();
  for (const [number, userId] of USERS.entries()) {
    s.local.tenant.users.set(userId, newUser(s.local.tenant, userId, {}));
    // User 0 has room for all that will be asked of it, user 4 for four less.
    for (let at = 0; at < number; at++) await s.create(userId);
  }
});
afterAll(async () => s.stop());

async function createInOwnProcess(label: string, count: number): Promise<readonly Outcome[]> {
  const { stdout } = await run(
    process.execPath,
    ["--import", "tsx", "test/support/create-many.ts", label, String(count), ...USERS],
    {
      env: {
        ...process.env,
        ...environmentOf(s),
      },
    },
  );
  return JSON.parse(stdout) as readonly Outcome[];
}

test("100 creates for five users from two processes: none lost, none twice, none over the limit", async () => {
  const outcomes = (await Promise.all(["a", "b"].map(async (label) => createInOwnProcess(label, 50)))).flat();
  expect(outcomes).toHaveLength(100);
  for (const [number, userId] of USERS.entries()) {
    const made = outcomes.filter((one) => one.user === userId && one.id !== undefined).map((one) => one.id);
    const refused = outcomes.filter((one) => one.user === userId && one.refused !== undefined);
    const entries = keyEntriesOf(s.local.tenant.users.get(userId)?.["app_metadata"]).map(({ id }) => id);
    expect(made).toHaveLength(LIMIT - number);
    expect(refused.map((one) => one.refused)).toEqual(
      Array.from({ length: number }, () => "key_limit_reached"),
    );
    expect(entries).toHaveLength(LIMIT);
    expect(new Set(entries).size).toBe(LIMIT);
    expect(entries).toEqual(expect.arrayContaining(made));
    expect(await s.local.redis.execute(["EXISTS", ...entries.map(recordKey)])).toBe(LIMIT);
  }
}, 120_000);
