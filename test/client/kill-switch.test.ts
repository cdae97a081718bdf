import { beforeEach, describe, expect, it, test } from "vitest";

import { KillSwitch, type KillSwitchOptions } from "../../src/client/kill-switch.ts";
import { sealRecord } from "../../src/core/key-record.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import { pepperOf } from "../support/stage.ts";

const ID = "4fJ2kQ9xZb1T";
const peppers = parsePeppers(pepperOf("kill switch"));
const record = { sub: "auth0|ada", id: ID, hash: "h", v: 1, iat: 0 };
const revoked = sealRecord({ ...record, revoked_at: 1 }, peppers);

/** What a kill switch makes of a token with this actor while the key's record is this one, and how often it looked. */
async function judge(actor: string | object, deployment: string | undefined, text = revoked) {
  let reads = 0;
  const killSwitch = new KillSwitch({
    redis: {
      command: async () => {
        reads++;
        return text;
      },
    },
    nowMs: () => 1_000_000,
    ...(deployment !== undefined && { deployment }),
  });
  const refusal = await killSwitch.refuse({ act: typeof actor === "string" ? { sub: actor } : actor });
  return { status: refusal?.status, reads };
}

const JUDGED = { status: 401, reads: 1 };
const LEFT = { status: undefined, reads: 0 };

it.each<[string | undefined, string, object]>([
  [undefined, `api-key|${ID}`, JUDGED],
  ["api-keys", `api-key|${ID}`, JUDGED],
  ["billing", `api-key:billing|${ID}`, JUDGED],
  [undefined, `api-key:billing|${ID}`, LEFT],
  [undefined, `api-key:api-keys|${ID}`, LEFT],
  ["api-keys", `api-key:billing|${ID}`, LEFT],
  ["billing", `api-key|${ID}`, LEFT],
  ["billing", `api-key:billing-2|${ID}`, LEFT],
  ["billing", `api-key:bill|${ID}`, LEFT],
])(
  "for the deployment %s a token of the revoked key %s is judged or left alone: %j",
  async (name, actor, is) => {
    expect(await judge(actor, name)).toEqual(is);
  },
);

test("tokens of another deployment's key of the same id are left alone, whatever the answer to ours was", async () => {
  const texts = [revoked, sealRecord(record, peppers)];
  const redis = { command: async () => texts.shift() ?? null };
  const killSwitch = new KillSwitch({ redis, deployment: "billing", nowMs: () => 1_000_000 });
  const ask = async (actor: string) => (await killSwitch.refuse({ act: { sub: actor } }))?.status;
  expect(await ask(`api-key:billing|${ID}`)).toBe(401);
  expect(await ask(`api-key|${ID}`)).toBeUndefined();
  expect(await ask(`api-key:billing|${ID}`)).toBe(401);
});

it.each<[string, string, number | undefined]>([
  [
    "whose record has a member that is not known",
    sealRecord({ ...record, later: 1 } as never, peppers),
    undefined,
  ],
  [
    "that was revoked, with such a member",
    sealRecord({ ...record, revoked_at: 1, later: 1 } as never, peppers),
    401,
  ],
  ["whose record is of a later form", sealRecord(record, peppers).replace("v1.", "v2."), 503],
])("a key %s is judged by what can be read: %s → %s", async (_, text, status) => {
  expect((await judge(`api-key|${ID}`, undefined, text)).status).toBe(status);
});

/** An actor that so many APIs have passed on. */
const passedOn = (hops: number, sub: string): object =>
  hops === 0 ? { sub } : { sub: `client ${hops}`, act: passedOn(hops - 1, sub) };

it.each<[string, object, object]>([
  ["passed on once", passedOn(1, `api-key|${ID}`), JUDGED],
  ["passed on five times", passedOn(5, `api-key|${ID}`), JUDGED],
  ["passed on more often than Auth0 does it", passedOn(6, `api-key|${ID}`), { status: 401, reads: 0 }],
  ["of another deployment, passed on", passedOn(2, `api-key:billing|${ID}`), LEFT],
  ["of no key, passed on", passedOn(4, "client 0"), LEFT],
  ["inside another deployment's", { sub: "api-key:billing|x", act: { sub: `api-key|${ID}` } }, JUDGED],
  ["of ours without an id", passedOn(1, "api-key|"), { status: 503, reads: 0 }],
])("a token of a revoked key %s: %j", async (_, actor, is) => {
  expect(await judge(actor, undefined)).toEqual(is);
});

describe("what it remembers", () => {
  const act = { sub: `api-key|${ID}` };
  let atMs: number;
  let text: string | null;
  let reads: string[];
  beforeEach(() => {
    atMs = Date.UTC(2027, 0, 4);
    text = sealRecord(record, peppers);
    reads = [];
  });

  function switchOf(changes: Partial<KillSwitchOptions> = {}): KillSwitch {
    const command = async (_: string, key = "") => {
      reads.push(key);
      return text;
    };
    return new KillSwitch({ redis: { command }, nowMs: () => atMs, ...changes });
  }

  test.each([3_600_000, 86_400_000, 5_001])(
    "after the clock was put back by %i ms a revoked key is refused within the same five seconds",
    async (backMs) => {
      const killSwitch = switchOf();
      expect(await killSwitch.refuse({ act })).toBeUndefined();
      text = revoked;
      atMs -= backMs;
      expect(await killSwitch.refuse({ act })).toMatchObject({ status: 401 });
    },
  );

  test("is bounded, and whoever wants to know is told what had to go", async () => {
    let evicted = 0;
    const killSwitch = switchOf({ maxEntries: 2, onEvict: () => void evicted++, whenUnknown: "accept" });
    for (const id of ["a", "b", "a", "b"]) await killSwitch.hasEnded(id);
    expect([reads.length, evicted]).toEqual([2, 0]);
    for (const id of ["c", "a"]) await killSwitch.hasEnded(id);
    expect([reads.length, evicted]).toEqual([4, 2]);
  });
});

test.each(["api-keys ", "API-KEYS", "api_keys", "Api Keys", ""])(
  "is not made for %j, which no deployment is called: it would take every token for another's",
  (deployment) => {
    const redis = { command: async () => null };
    expect(() => new KillSwitch({ redis, deployment })).toThrow(
      /"deployment" must be the name of a deployment/,
    );
  },
);
