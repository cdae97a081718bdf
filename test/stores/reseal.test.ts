import { afterAll, beforeAll, expect, test } from "vitest";

import { dropRecord } from "../support/records.ts";
import { ADA, stage, type Stage } from "../support/stage.ts";

let s: Stage;
beforeAll(async () => {
  s = await stage();
});
afterAll(async () => s.stop());

test("a record that is sealed anew keeps its lifetime, and one that is gone stays gone", async () => {
  const { id } = await s.create(ADA);
  const [held] = await s.keys.records.readMany([id]);
  if (held?.kind !== "trusted") throw new Error("no record");
  const reseal = async () =>
    s.keys.records.change([{ held, record: held.record, lifetime: "keep" }], undefined);
  await s.local.redis.execute(["EXPIRE", `apikey:${id}`, "1000"]);
  expect(await reseal()).toEqual([true]);
  const ttlSeconds = Number(await s.local.redis.execute(["TTL", `apikey:${id}`]));
  expect([ttlSeconds > 900, ttlSeconds <= 1_000]).toEqual([true, true]);
  await dropRecord(s.keys, id);
  expect(await reseal()).toEqual([false]);
  expect(await s.keys.records.read(id)).toBeUndefined();
});
