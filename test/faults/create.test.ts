import { afterAll, beforeAll, expect, it, vi } from "vitest";

import { ApiKey } from "../../src/core/api-key.ts";
import { ApiKeysError } from "../../src/core/errors.ts";
import { createKey } from "../../src/keys/create.ts";
import { listKeys } from "../../src/keys/list.ts";
import { freshKeys, type TestClock } from "../support/fresh-keys.ts";
import { ADA, GRACE, stage, type Stage } from "../support/stage.ts";
import { FAULTS, openWire, type Fault, type Wire } from "../support/wire.ts";
import { openWorldClock } from "../support/world-clock.ts";

let clock: TestClock;
let s: Stage;
let wire: Wire;
beforeAll(async () => {
  clock = openWorldClock();
  s = await stage({ nowMs: () => clock.nowMs });
  wire = openWire(s);
});
afterAll(async () => {
  vi.useRealTimers();
  wire.close();
  await s.stop();
});

/** The key that a run with this randomness makes, whether or not it hands it out. */
function keyOf(seed: number): { readonly randomBytes: (size: number) => Uint8Array; readonly key: ApiKey } {
  const bytes = () => {
    let state = seed;
    const next = () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31);
    return (size: number) => Uint8Array.from({ length: size }, () => next() % 248);
  };
  return { randomBytes: bytes(), key: ApiKey.generate("acme_live", bytes()) };
}

const isGranted = async (key: string) => (await s.exchange(key)).status === 200;

it("makes ten requests: one for a token that is kept, and two that ask whether Redis is Upstash", async () => {
  await wire.disturb(-1, FAULTS["never arrives"], async () =>
    createKey(freshKeys(s, clock), GRACE, { name: "counted" }),
  );
  // User and store marker are read at the same time: which of them comes first is not said.
  expect(wire.requests.toSorted()).toEqual([
    "GET /api/v2/users/auth0%7Cgrace",
    "PATCH /api/v2/users/auth0%7Cgrace",
    "POST /",
    "POST /",
    "POST /",
    "POST /",
    "POST /",
    "POST /",
    "POST /",
    "POST /oauth/token",
  ]);
});

it.each(Object.entries<Fault>(FAULTS))(
  "hands out a key that works or none, whichever request %s",
  async (name, fault) => {
    const bystander = await s.create(ADA);
    for (let failAt = 0; failAt < 10; failAt++) {
      const { randomBytes, key } = keyOf(failAt * 1_000 + Object.keys(FAULTS).indexOf(name));
      const outcome = await wire.disturb(failAt, fault, async () =>
        createKey({ ...freshKeys(s, clock), randomBytes }, ADA, { name: "disturbed" }),
      );
      const label = `${wire.requests[failAt]} ${name}`;
      expect(wire.requests.length, label).toBeGreaterThan(failAt);
      const entries = await listKeys(s.keys, ADA);
      const isThere = entries.some(({ id }) => id === key.id);
      expect(await isGranted(key.reveal()), label).toBe(isThere);
      if (outcome instanceof ApiKeysError) {
        expect(JSON.stringify([outcome.message, outcome.fix])).not.toContain(key.reveal().slice(-38));
      } else {
        expect([outcome.apiKey.reveal(), isThere], label).toEqual([key.reveal(), true]);
      }
      expect(await isGranted(bystander.key), label).toBe(true);
      // The same again, undisturbed: a lock that was left behind is waited for.
      const again = await createKey(freshKeys(s, clock), ADA, { name: "undisturbed" });
      expect(await isGranted(again.apiKey.reveal()), label).toBe(true);
      await s.keys.users.write(
        ADA,
        entries.filter(({ id }) => id === bystander.id),
      );
    }
    await s.keys.users.write(ADA, []);
  },
);
