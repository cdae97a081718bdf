import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

import { keyEntriesOf } from "../support/entries.ts";
import { recordOf } from "../../src/core/key-record.ts";
import { hashKey, parsePeppers } from "../../src/core/peppers.ts";
import { createKey } from "../../src/keys/create.ts";
import { markDeployedPepper } from "../../src/keys/init.ts";
import type { Keys } from "../../src/keys/keys.ts";
import { countPeppers, retirePepper } from "../../src/keys/peppers.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { redisKeyBatches } from "../../src/stores/redis-key-batches.ts";
import { redisKeyStore } from "../../src/stores/redis-key-store.ts";
import { createRedis } from "../../src/stores/key-record-reader.ts";
import { userLock } from "../../src/stores/user-lock.ts";
import { freshKeys, type TestClock } from "../support/fresh-keys.ts";
import { putRecord } from "../support/records.ts";
import { ADA, GRACE, pepperOf, setMetadata, stage, type Stage } from "../support/stage.ts";
import { FAULTS, openWire, type Fault, type Wire } from "../support/wire.ts";
import { openWorldClock } from "../support/world-clock.ts";

const OLD = `1:${pepperOf("one")} 2:${pepperOf("two")}`;
const NEW = `2:${pepperOf("two")} 1:${pepperOf("one")}`;

let clock: TestClock;
let s: Stage;
let wire: Wire;
beforeAll(async () => {
  clock = openWorldClock();
  s = await stage({ nowMs: () => clock.nowMs, pepper: OLD });
  wire = openWire(s);
});
afterAll(async () => {
  vi.useRealTimers();
  wire.close();
  await s.stop();
});
beforeEach(reset);

async function reset(): Promise<void> {
  for (const user of [ADA, GRACE]) setMetadata(s, user, undefined);
  await s.local.redis.execute(["FLUSHALL"]);
  await under(OLD).records.mark();
}

/** A fresh process with one pepper as the current one; the Actions hold both. */
function under(text: string): Keys {
  const peppers = parsePeppers(text);
  const redis = createRedis({ url: s.settings.redisUrl, token: s.settings.redisToken, timeoutMs: 2_000 });
  const store = { peppers, deployment: s.config, retentionSeconds: 86_400 };
  const records = { ...redisKeyStore(redis, store), ...redisKeyBatches(redis, store) };
  return { ...freshKeys(s, clock), peppers, records };
}

/** A process that does not wait for a lock: time would pass, more than a request has. */
function impatient(): Keys {
  const redis = createRedis({ url: s.settings.redisUrl, token: s.settings.redisToken, timeoutMs: 2_000 });
  const lock = userLock(redis, {
    clock: { monotonicMs: () => clock.nowMs, wallMs: () => clock.nowMs, sleep: async () => undefined },
    randomBytes: (size) => crypto.getRandomValues(new Uint8Array(size)),
    leaseMs: 30_000,
    waitMs: 0,
  });
  return { ...under(NEW), lock };
}

/** A key under the new pepper whose record the old one sealed, one that is dead, and one that dies meanwhile. */
async function furnish(): Promise<
  Record<"living" | "dead" | "dying", { readonly key: string; readonly id: string }>
> {
  const make = async (user: string) => {
    const { apiKey } = await createKey(under(OLD), user, { name: `n${Math.random()}` });
    return { key: apiKey.reveal(), id: apiKey.id };
  };
  const [living, dead, dying] = [await make(ADA), await make(ADA), await make(GRACE)];
  await revokeKey(under(OLD), ADA, dead.id, "over");
  await markDeployedPepper(under(NEW));
  // Hashed under the new pepper, as a rotation leaves them, and sealed with the old one still.
  const pepper = parsePeppers(NEW).current;
  for (const [user, made] of [
    [ADA, [living, dead]],
    [GRACE, [dying]],
  ] as const) {
    const entries = keyEntriesOf((await s.keys.users.read(user)).appMetadata).map((entry) => {
      const { key = "" } = made.find(({ id }) => id === entry.id) ?? {};
      return { ...entry, hash: hashKey(key, pepper), v: pepper.version };
    });
    await s.keys.users.write(user, entries);
    for (const entry of entries) await putRecord(under(OLD), recordOf(user, entry));
  }
  return { living, dead, dying };
}

const answerTo = async ({ key }: { readonly key: string }) => {
  const { status, body } = await s.exchange(key);
  return status === 200 ? "granted" : String(body["error_description"]);
};

describe("a pepper that is retired", () => {
  test.each([...Object.entries<Fault>(FAULTS), ["takes effect as the process dies", undefined] as const])(
    "while a request %s: every key is answered as before, and run again, nothing is sealed with it",
    async (_, fault) => {
      for (let at = 0, isOver = false; !isOver; at++) {
        await reset();
        const { living, dead, dying } = await furnish();
        const work = async () => retirePepper(under(NEW), 1);
        await (fault ? wire.disturb(at, fault, work) : wire.kill(at, work));
        isOver = wire.requests.length <= at;
        const label = `${wire.requests[at]} at ${at}`;
        expect([await answerTo(living), await answerTo(dying)], label).toEqual(["granted", "granted"]);
        expect(await answerTo(dead), label).toContain("was revoked");
        await retirePepper(under(NEW), 1);
        expect(
          (await countPeppers(under(NEW))).map((one) => [one.version, one.sealedRecords]),
          label,
        ).toEqual([
          [2, 3],
          [1, 0],
        ]);
      }
    },
  );

  test("while another program revokes a key, at any of its requests: a key that was revoked stays so", async () => {
    let [revoked, incomplete] = [0, 0];
    for (let at = 0, isOver = false; !isOver; at++) {
      await reset();
      const { living, dying } = await furnish();
      let isRevoked = false;
      await wire.disturb(
        at,
        async (send) => {
          isRevoked = await revokeKey(impatient(), GRACE, dying.id, "leaked").then(
            () => true,
            (error: unknown) => {
              // Its tombstone stands all the same: it does not wait for the lock.
              expect(error).toMatchObject({ code: "change_incomplete", cause: { code: "user_locked" } });
              return false;
            },
          );
          return send();
        },
        async () => retirePepper(under(NEW), 1),
      );
      isOver = wire.requests.length <= at;
      if (isRevoked) revoked++;
      else if (!isOver) incomplete++;
      expect([await answerTo(living), await answerTo(dying)], `${wire.requests[at]} at ${at}`).toEqual([
        "granted",
        isOver ? "granted" : expect.stringContaining("was revoked"),
      ]);
    }
    expect([revoked > 10, incomplete > 0]).toEqual([true, true]);
  });
});
