import { bypass, http, HttpResponse, passthrough } from "msw";
import { setupServer } from "msw/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openKeys } from "../../src/cli/keys/open-keys.ts";
import { ApiKey } from "../../src/core/api-key.ts";
import { ApiKeysError } from "../../src/core/errors.ts";
import { keyStatus } from "../../src/core/key-entry.ts";
import { createKey } from "../../src/keys/create.ts";
import type { Keys } from "../../src/keys/keys.ts";
import { listKeys } from "../../src/keys/list.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { createRedis } from "../../src/stores/key-record-reader.ts";
import { userLock } from "../../src/stores/user-lock.ts";
import { ADA, GRACE, stage, type Stage } from "../support/stage.ts";

type Fault = (request: Request) => Promise<Response>;
const carriedOut = async (request: Request): Promise<void> => {
  await (await fetch(bypass(request))).arrayBuffer();
};
/** Each way in which a request can fail, whether or not it took effect. */
const faults: Readonly<Record<string, Fault>> = {
  "never arrives": async () => HttpResponse.error(),
  "takes effect, and its answer is lost": async (request) =>
    carriedOut(request).then(() => HttpResponse.error()),
  "is answered with 500": async () => HttpResponse.json({ message: "no" }, { status: 500 }),
  "takes effect, and is answered with 500": async (request) =>
    carriedOut(request).then(() => HttpResponse.json({ message: "late" }, { status: 500 })),
  "is answered with 429": async () => HttpResponse.json({ message: "slow down" }, { status: 429 }),
  "is answered with 403": async () => HttpResponse.json({ message: "Insufficient scope" }, { status: 403 }),
};

let now = Date.now();
let s: Stage;
/** Requests that the operation under test has made, and which of them fails how. */
const wire = {
  isArmed: false,
  requests: [] as string[],
  failAt: -1,
  fault: faults["never arrives"] as Fault,
};
const server = setupServer();

beforeAll(async () => {
  s = await stage({ nowMs: () => now });
  const intercept = async ({ request }: { readonly request: Request }) => {
    if (!wire.isArmed) return passthrough();
    const at = wire.requests.push(`${request.method} ${new URL(request.url).pathname}`) - 1;
    return at === wire.failAt ? wire.fault(request) : passthrough();
  };
  server.use(http.all(`${s.settings.origin}/*`, intercept), http.all(`${s.settings.redisUrl}/*`, intercept));
  server.listen({ onUnhandledRequest: "bypass" });
});
afterAll(async () => {
  server.close();
  await s.stop();
});

/** A fresh process, as it were: no token kept, its own lock, and time that passes only where it waits. */
function freshKeys(): Keys {
  const redis = createRedis({ url: s.settings.redisUrl, token: s.settings.redisToken, timeoutMs: 2_000 });
  const clock = {
    monotonicMs: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
  };
  const randomBytes = (size: number) => crypto.getRandomValues(new Uint8Array(size));
  const lock = userLock(redis, {
    clock,
    randomBytes,
    leaseMs: 30_000,
    waitMs: 35_000,
    requestTimeoutMs: 2_000,
  });
  return { ...openKeys(s.config, s.settings), lock };
}

/** Runs an operation with one of its requests failing; gives what it returned, or the error that it threw. */
async function disturbed<T>(failAt: number, fault: Fault, work: () => Promise<T>): Promise<T | ApiKeysError> {
  Object.assign(wire, { isArmed: true, requests: [], failAt, fault });
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiKeysError) return error;
    throw error;
  } finally {
    wire.isArmed = false;
  }
}

/** Counts the requests of an undisturbed run. */
async function requestsOf(work: () => Promise<unknown>): Promise<readonly string[]> {
  await disturbed(-1, faults["never arrives"] as Fault, work);
  return [...wire.requests];
}

/** The key that a run with this randomness makes, whether or not it hands it out. */
function keyOf(seed: number): { readonly randomBytes: (size: number) => Uint8Array; readonly key: ApiKey } {
  const bytes = () => {
    let state = seed;
    return (size: number) =>
      Uint8Array.from({ length: size }, () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % 248);
  };
  return { randomBytes: bytes(), key: ApiKey.generate("acme_live", bytes()) };
}

const entryOf = async (id: string) => (await listKeys(s.keys, ADA)).find((entry) => entry.id === id);
const isGranted = async (key: string) => (await s.exchange(key)).status === 200;

describe("create", () => {
  it("makes eight requests, one of them for a token that is kept", async () => {
    expect(await requestsOf(async () => createKey(freshKeys(), GRACE, { name: "counted" }))).toEqual([
      "POST /",
      "POST /oauth/token",
      "POST /",
      "GET /api/v2/users/auth0%7Cgrace",
      "POST /",
      "PATCH /api/v2/users/auth0%7Cgrace",
      "GET /api/v2/users/auth0%7Cgrace",
      "POST /",
    ]);
  });

  it.each(Object.keys(faults))("hands out a key that works or none, whichever request %s", async (name) => {
    const bystander = await s.create(ADA);
    for (let failAt = 0; failAt < 8; failAt++) {
      const { randomBytes, key } = keyOf(failAt * 1_000 + name.length);
      const label = `${wire.requests[failAt]} ${name}`;
      const outcome = await disturbed(failAt, faults[name] as Fault, async () =>
        createKey({ ...freshKeys(), randomBytes }, ADA, { name: "disturbed" }),
      );
      expect(wire.requests.length, label).toBeGreaterThan(failAt);
      const entry = await entryOf(key.id);
      expect(await isGranted(key.reveal()), label).toBe(entry !== undefined);
      if (outcome instanceof ApiKeysError) {
        expect(outcome.fix, label).toMatch(/./);
        expect(JSON.stringify([outcome.message, outcome.fix])).not.toContain(key.reveal().slice(-38));
      } else {
        expect(outcome.apiKey.reveal(), label).toBe(key.reveal());
        expect(entry, label).toBeDefined();
      }
      expect(await isGranted(bystander.key), label).toBe(true);
      // The same again, undisturbed: a lock that was left behind is waited for.
      const again = await createKey(freshKeys(), ADA, { name: "undisturbed" });
      expect(await isGranted(again.apiKey.reveal()), label).toBe(true);
      for (const { id } of await listKeys(s.keys, ADA)) if (id !== bystander.id) await forget(id);
    }
    await forget(bystander.id);
  });
});

/** Takes a key out of both stores behind everyone's back, so that the limits of a user are not reached. */
async function forget(id: string): Promise<void> {
  const { entries } = await s.keys.users.read(ADA);
  await s.keys.users.write(
    ADA,
    entries.filter((entry) => (entry as { id: string }).id !== id),
  );
  await s.keys.records.remove(id);
}

describe("revoke", () => {
  it("makes seven requests", async () => {
    const { id } = await s.create(GRACE);
    expect(await requestsOf(async () => revokeKey(freshKeys(), GRACE, id, "counted"))).toHaveLength(7);
  });

  it.each(Object.keys(faults))(
    "leaves a key alive or dead, never in between, whichever request %s",
    async (name) => {
      for (let failAt = 0; failAt < 7; failAt++) {
        const { key, id } = await s.create(ADA);
        const outcome = await disturbed(failAt, faults[name] as Fault, async () =>
          revokeKey(freshKeys(), ADA, id, "leaked"),
        );
        const label = `${wire.requests[failAt]} ${name}`;
        const isDead = !(await isGranted(key));
        const status = keyStatus((await entryOf(id)) ?? {}, 0);
        if (!(outcome instanceof ApiKeysError)) expect([isDead, status], label).toEqual([true, "revoked"]);
        // Who is told that the key is dead can rely on it, and an entry never says more than is true.
        else if (outcome.code === "revocation_incomplete") expect(isDead, label).toBe(true);
        if (status === "revoked") expect(isDead, label).toBe(true);
        await revokeKey(freshKeys(), ADA, id, "again");
        expect([await isGranted(key), keyStatus((await entryOf(id)) ?? {}, 0)], label).toEqual([
          false,
          "revoked",
        ]);
        await forget(id);
      }
    },
  );
});
