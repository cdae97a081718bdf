import { afterAll, afterEach, beforeAll, expect, it } from "vitest";

import { recordOf } from "../../src/core/key-record.ts";
import { createKey } from "../../src/keys/create.ts";
import { disableKey, enableKey } from "../../src/keys/disable.ts";
import { showKey } from "../../src/keys/list.ts";
import { cancelRotation, endOverlap, rotateKey } from "../../src/keys/rotate.ts";
import { ADA, stage, type Stage } from "../support/stage.ts";

const LOCK = `apikey-lock:${ADA}`;
const original = globalThis.fetch;
let s: Stage;
beforeAll(async () => {
  s = await stage();
});
afterEach(() => {
  globalThis.fetch = original;
});
afterAll(async () => s.stop());

const recordsNow = async () => {
  const [, names] = (await s.local.redis.execute(["SCAN", "0", "MATCH", "apikey:*", "COUNT", "1000"])) as [
    string,
    string[],
  ];
  return Promise.all(names.toSorted().map(async (name) => s.local.redis.execute(["GET", name])));
};

/** Lets another take the lock right before each write of a record, and let it go after that; gives what was written meanwhile. */
async function whileAnotherHoldsTheLock(work: () => Promise<unknown>): Promise<readonly unknown[]> {
  const written: unknown[] = [];
  let times = 1;
  globalThis.fetch = async (input, init) => {
    const command = JSON.parse(typeof init?.body === "string" ? init.body : "[]") as unknown[];
    const isWrite = command[0] === "eval" && command.some((one) => String(one).startsWith("apikey:"));
    if (!isWrite || times-- <= 0) return original(input, init);
    const before = await recordsNow();
    await s.local.redis.execute(["SET", LOCK, "another"]);
    const response = await original(input, init);
    const after = await recordsNow();
    written.push(...after.filter((one) => !before.includes(one)));
    await s.local.redis.execute(["DEL", LOCK]);
    return response;
  };
  // Since another may have been asked for the opposite meanwhile, some are told to ask again.
  await work().catch((error: unknown) => expect(error).toMatchObject({ code: "update_lost" }));
  expect(times).toBeLessThanOrEqual(0);
  return written;
}

type Step = (id: string) => Promise<unknown>;
const rotate: Step = async (id) => rotateKey(s.keys, ADA, id, { overlapSeconds: 60 });
const nothing: Step = async () => undefined;

it.each<[string, Step, Step]>([
  ["create", nothing, async () => createKey(s.keys, ADA, { name: "fenced" })],
  ["disable", nothing, async (id) => disableKey(s.keys, ADA, id)],
  ["enable", async (id) => disableKey(s.keys, ADA, id), async (id) => enableKey(s.keys, ADA, id)],
  ["rotate", nothing, rotate],
  ["cancel a rotation", rotate, async (id) => cancelRotation(s.keys, ADA, id)],
  ["end an overlap", rotate, async (id) => endOverlap(s.keys, ADA, id)],
])("%s writes no record while another holds the lock", async (_, prepare, work) => {
  const { id } = await s.create(ADA);
  await prepare(id);
  expect(await whileAnotherHoldsTheLock(async () => work(id))).toEqual([]);
  expect(await s.keys.records.read(id)).toEqual(recordOf(ADA, await showKey(s.keys, ADA, id)));
});
