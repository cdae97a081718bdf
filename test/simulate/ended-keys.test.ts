import { expect, test } from "vitest";

import { withPromptCrypto } from "../../src/simulate/prompt-crypto.ts";
import { minuteOf } from "../../src/simulate/scenarios/ended-keys.ts";

const SECOND_MS = 1_000;

/** 200 ended keys poll every 5 seconds, of one process at 4 exchanges a second; for a minute one good key a second comes. */
const minuteAfter = async (polled_seconds: number, has_kill_switch: boolean) =>
  withPromptCrypto(async () => minuteOf({ polled_seconds, has_kill_switch }, 1));

test("with a kill switch 200 ended keys that go on polling cost no exchange, and no good call more than its own", async () => {
  const load = await minuteAfter(0, true);
  expect(load).toMatchObject({ calls: 60, failed: 0, exchanges_on_ended: 0 });
  expect(load.p50_wait_ms).toBeLessThan(SECOND_MS);
});

test("without one, from the second minute on, they take what the good ones leave, and all of these are answered", async () => {
  const load = await minuteAfter(60, false);
  expect(load).toMatchObject({ calls: 60, failed: 0 });
  expect(load.p50_wait_ms).toBeLessThan(SECOND_MS);
  // Remembered for 30 seconds each time, and in one line with the others: 187, and 55 of 60 answered after 19 s.
  expect(load.exchanges_on_ended).toBeLessThan(180);
});

test("after an hour they have all but stopped to ask", async () => {
  const load = await minuteAfter(3_600, false);
  expect(load).toMatchObject({ calls: 60, failed: 0 });
  // 194, and 49 answered.
  expect(load.exchanges_on_ended).toBeLessThan(20);
});

test("a process that starts with all of them at once learns in half a minute who they are: then good calls are answered", async () => {
  const load = await minuteAfter(0, false);
  // 51 after 17 s in the middle.
  expect(load.calls - load.failed).toBeGreaterThanOrEqual(56);
  expect(load.p50_wait_ms).toBeLessThan(10 * SECOND_MS);
});
