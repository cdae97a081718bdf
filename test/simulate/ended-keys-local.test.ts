import { setImmediate as turn } from "node:timers/promises";

import { afterEach, expect, test } from "vitest";

import { ApiKeyTokenSource } from "../../src/client/token-source.ts";
import type { ApiKey } from "../../src/core/api-key.ts";
import { createKey } from "../../src/keys/create.ts";
import { revokeAllKeys } from "../../src/keys/revoke.ts";
import { newUser } from "../../src/local/management/users.ts";
import { PLANS } from "../../src/local/plans.ts";
import { seededRandom } from "../../src/simulate/random.ts";
import { ENDED_KEYS, POLL_MS } from "../../src/simulate/scenarios/ended-keys.ts";
import { Tally } from "../../src/simulate/tally.ts";
import { World } from "../../src/simulate/world.ts";
import { AUDIENCE, CLIENT_ID, stage, type Stage } from "../support/stage.ts";

const KEYS_PER_USER = 10;
const STEP_MS = 20;
const LATENCY_MS = 100;

let s: Stage;
afterEach(async () => s.stop());

/** Keys of users of their own, made by the product. */
async function makeKeys(prefix: string, count: number, areRevoked: boolean): Promise<readonly ApiKey[]> {
  const made: ApiKey[] = [];
  for (let user = 0; user < count / KEYS_PER_USER; user++) {
    const userId = `auth0|${prefix}-${user}`;
    s.local.tenant.users.set(
      userId,
      newUser(s.local.tenant, userId, { email: `${prefix}${user}@acme.example` }),
    );
    for (let at = 0; at < KEYS_PER_USER; at++) {
      made.push((await createKey(s.keys, userId, { name: `key ${at}` })).apiKey);
    }
    if (areRevoked) await revokeAllKeys(s.keys, userId, "left");
  }
  return made;
}

/** As in the model, but against the local tenant with its limits, its Actions and its Redis: only the time is the model's. */
async function minuteOf(hasKillSwitch: boolean, polledSeconds: number) {
  const world = new World(Date.now());
  const nowMs = () => world.nowMs();
  const limits = { ...PLANS.professional.limits };
  // Keys are made as fast as it goes; the limits of exchanges are what counts here.
  Reflect.deleteProperty(limits, "management");
  s = await stage({ limits, nowMs });
  const [ended, good] = [await makeKeys("ended", ENDED_KEYS, true), await makeKeys("good", 60, false)];
  const endedTexts = new Set(ended.map((key) => key.reveal()));
  const endedIds = new Set(ended.map(({ id }) => id));
  let [onEnded, limited] = [0, 0];
  const inFlight = new Set<object>();
  const send: typeof fetch = async (input, init) => {
    const key =
      new URLSearchParams(typeof init?.body === "string" ? init.body : "").get("subject_token") ?? "";
    const mark = {};
    inFlight.add(mark);
    const response = await fetch(input, { ...init, signal: null }).finally(() => inFlight.delete(mark));
    if (response.status === 429) limited++;
    else if (endedTexts.has(key)) onEnded++;
    await world.sleep(LATENCY_MS);
    return response;
  };
  const source = new ApiKeyTokenSource({
    token_endpoint: s.local.description.token_endpoint,
    client_id: CLIENT_ID,
    subject_token_type: s.local.description.subject_token_type,
    clock: world,
    random: seededRandom(1),
    fetch: send,
  });
  const hasEnded = hasKillSwitch ? async (keyId: string) => endedIds.has(keyId) : undefined;
  const getToken = async (apiKey: ApiKey) => source.getToken({ audience: AUDIENCE, apiKey, hasEnded });
  /** Lets time pass in steps; while the tenant works, none passes. */
  const pass = async (seconds: number) => {
    for (const untilMs = nowMs() + seconds * 1_000; nowMs() < untilMs;) {
      await world.run(nowMs() + STEP_MS);
      do await turn();
      while (inFlight.size > 0);
    }
  };
  const poll = (key: ApiKey) => {
    void getToken(key).catch(() => undefined);
    world.at(nowMs() + POLL_MS, () => poll(key));
  };
  for (const [at, key] of ended.entries()) world.at(nowMs() + (at * POLL_MS) / ENDED_KEYS, () => poll(key));
  await pass(polledSeconds);
  [onEnded, limited] = [0, 0];
  const tally = new Tally();
  for (const [second, key] of good.entries()) {
    world.at(nowMs() + second * 1_000, () => void tally.count(getToken(key), nowMs));
  }
  await pass(60);
  const exchangesOnEnded = onEnded;
  await pass(20);
  const { calls, failed, p50_wait_ms } = tally.outcome;
  if (process.env["SHOW_FIGURES"] !== undefined) {
    const figures = {
      hasKillSwitch,
      polledSeconds,
      answered: calls - failed,
      p50_wait_ms,
      exchangesOnEnded,
      limited,
    };
    process.stdout.write(`${JSON.stringify(figures)}\n`);
  }
  return { answered: calls - failed, p50_wait_ms, exchangesOnEnded };
}

test("with a kill switch every good call is answered, and no exchange goes to an ended key", async () => {
  const load = await minuteOf(true, 0);
  expect(load).toMatchObject({ answered: 60, exchangesOnEnded: 0 });
  expect(load.p50_wait_ms).toBeLessThan(1_000);
});

test("without one every good call is answered all the same, once ended keys have polled for a minute", async () => {
  const load = await minuteOf(false, 60);
  expect(load.answered).toBe(60);
  expect(load.p50_wait_ms).toBeLessThan(1_000);
  // What the good ones leave of 240.
  expect(load.exchangesOnEnded).toBeLessThanOrEqual(180);
});
