import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";

import { ApiKey } from "../../src/core/api-key.ts";
import { decideExchange, type LookUp } from "../../src/core/decide-exchange.ts";
import { recordKey } from "../../src/core/key-record.ts";
import { STORE_MARKER_KEY } from "../../src/core/store-marker.ts";
import { unknownKey } from "../support/guesses.ts";
import { ADA, AUDIENCE, CLIENT_ID, stage, type Stage } from "../support/stage.ts";

const RUNS = 100_000;
let s: Stage;
let key: string;
let stored: LookUp;
beforeAll(async () => {
  s = await stage();
  const made = await s.create(ADA);
  key = made.key;
  const [record = null, marker = null] = (await s.local.redis.execute([
    "MGET",
    recordKey(made.id),
    STORE_MARKER_KEY,
  ])) as string[];
  stored = { kind: "answered", record, marker };
});
afterAll(async () => s.stop());

/** Random texts, cut keys, keys with flipped bits, and keys that nobody made. */
const guesses = (genuine: string) =>
  fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.nat(genuine.length - 1).map((length) => genuine.slice(0, length)),
    fc.tuple(fc.nat(genuine.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, bits]) => {
      const flipped = String.fromCharCode(genuine.charCodeAt(at) ^ bits);
      return genuine.slice(0, at) + flipped + genuine.slice(at + 1);
    }),
    fc.constant(null).map(() => unknownKey()),
  );

test(`${RUNS} guesses: no throw, no grant, and no look-up for what fails offline`, async () => {
  const request = {
    clientId: CLIENT_ID,
    ip: "127.0.0.1",
    audience: AUDIENCE,
    organizationId: undefined,
    requestedScopes: [],
  };
  await fc.assert(
    fc.asyncProperty(guesses(key), async (subjectToken) => {
      let lookUps = 0;
      const lookUp = async (): Promise<LookUp> => {
        lookUps++;
        return stored;
      };
      const decision = await decideExchange(
        { ...request, subjectToken },
        s.config,
        s.settings.peppers,
        lookUp,
        1,
      );
      if (decision.kind === "grant") throw new Error("granted a guess");
      const isWellFormed = ApiKey.parse(subjectToken)?.prefix === "acme_live";
      if (lookUps !== (isWellFormed ? 1 : 0)) throw new Error(`${lookUps} look-ups`);
    }),
    { numRuns: RUNS },
  );
});

test("500 of them over HTTP: the same, with the requests counted at the Redis endpoint", async () => {
  const sample = fc.sample(guesses(key), 500).filter((guess) => guess !== key);
  const before = s.local.redisRequests();
  for (const guess of sample) expect((await s.exchange(guess)).status).toBe(400);
  const wellFormed = sample.filter((guess) => ApiKey.parse(guess)?.prefix === "acme_live");
  expect(s.local.redisRequests() - before).toBe(wellFormed.length);
});
