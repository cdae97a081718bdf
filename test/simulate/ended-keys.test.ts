import { expect, test } from "vitest";

import { ApiKeyTokenSource } from "../../src/client/token-source.ts";
import { keyOf } from "../../src/simulate/fleet.ts";
import { ModelTenant } from "../../src/simulate/model-tenant.ts";
import { withPromptCrypto } from "../../src/simulate/prompt-crypto.ts";
import { seededRandom } from "../../src/simulate/random.ts";
import { Tally } from "../../src/simulate/tally.ts";
import { World } from "../../src/simulate/world.ts";

const ENDED = 200;
const POLL_MS = 5_000;
const GATEWAY = "192.0.2.1";

interface Load {
  /** How long the ended keys have been polling before good ones come. */
  readonly beforeSeconds: number;
  /** Whether the gateway has a kill switch, which knows that they have ended. */
  readonly hasKillSwitch: boolean;
}

/** One process at 4 exchanges a second; for a minute one new good key a second; 200 ended keys poll every 5 seconds. */
async function minuteOf({ beforeSeconds, hasKillSwitch }: Load) {
  return withPromptCrypto(async () => {
    const world = new World(Date.UTC(2027, 0, 4));
    const random = seededRandom(1);
    const tenant = new ModelTenant(world, random, { exchangesPerSecond: 4, lifetimeSeconds: 86_400 });
    let onEnded = 0;
    const ended = new Set(Array.from({ length: ENDED }, (_, number) => keyOf(1_000 + number).reveal()));
    tenant.judge = (apiKey) => {
      if (!ended.has(apiKey)) return "grant";
      onEnded++;
      return "revoked";
    };
    const source = new ApiKeyTokenSource({
      token_endpoint: "https://acme.example/oauth/token",
      client_id: "gateway",
      subject_token_type: "urn:acme:api-key",
      clock: world,
      random,
      fetch: tenant.fetchFrom(GATEWAY),
    });
    const request = { audience: "https://api.acme.example" };
    const endedIds = new Set(Array.from({ length: ENDED }, (_, number) => keyOf(1_000 + number).id));
    const hasEnded = hasKillSwitch ? async (keyId: string) => endedIds.has(keyId) : undefined;
    const poll = (number: number) => {
      const apiKey = keyOf(1_000 + number);
      void source.getToken({ ...request, apiKey, hasEnded }).catch(() => undefined);
      world.at(world.nowMs() + POLL_MS, () => poll(number));
    };
    for (let number = 0; number < ENDED; number++) {
      world.at(world.nowMs() + (number * POLL_MS) / ENDED, () => poll(number));
    }
    await world.run(world.nowMs() + beforeSeconds * 1_000);
    onEnded = 0;
    const tally = new Tally();
    for (let second = 0; second < 60; second++) {
      const come = () =>
        void tally.count(source.getToken({ ...request, apiKey: keyOf(second), hasEnded }), () =>
          world.nowMs(),
        );
      world.at(world.nowMs() + second * 1_000, come);
    }
    await world.run(world.nowMs() + 60_000);
    const exchangesOnEnded = onEnded;
    // What waits is given its time.
    await world.run(world.nowMs() + 20_000);
    const { calls, failed, p50_wait_ms } = tally.outcome;
    return { answered: calls - failed, p50_wait_ms, exchangesOnEnded };
  });
}

const SECOND_MS = 1_000;

test("with a kill switch 200 ended keys that go on polling cost no exchange, and no good call more than its own", async () => {
  const load = await minuteOf({ beforeSeconds: 0, hasKillSwitch: true });
  expect(load).toMatchObject({ answered: 60, exchangesOnEnded: 0 });
  expect(load.p50_wait_ms).toBeLessThan(SECOND_MS);
});

test("without one, from the second minute on, they take what the good ones leave, and all of these are answered", async () => {
  const load = await minuteOf({ beforeSeconds: 60, hasKillSwitch: false });
  expect(load.answered).toBe(60);
  expect(load.p50_wait_ms).toBeLessThan(SECOND_MS);
  // Remembered for 30 seconds each time, and in one line with the others: 187, and 55 of 60 answered after 19 s.
  expect(load.exchangesOnEnded).toBeLessThan(180);
});

test("after an hour they have all but stopped to ask", async () => {
  const load = await minuteOf({ beforeSeconds: 3_600, hasKillSwitch: false });
  expect(load.answered).toBe(60);
  // 194, and 49 answered.
  expect(load.exchangesOnEnded).toBeLessThan(20);
});

test("a process that starts with all of them at once learns in half a minute who they are: then good calls are answered", async () => {
  const load = await minuteOf({ beforeSeconds: 0, hasKillSwitch: false });
  // 51 after 17 s in the middle.
  expect(load.answered).toBeGreaterThanOrEqual(56);
  expect(load.p50_wait_ms).toBeLessThan(10 * SECOND_MS);
});
