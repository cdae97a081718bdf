import { bypass, http, HttpResponse, passthrough } from "msw";
import { setupServer } from "msw/node";
import { afterAll, beforeAll, expect, it } from "vitest";

import { openKeys } from "../../src/cli/keys/open-keys.ts";
import { ApiKeysError } from "../../src/core/errors.ts";
import { keyEntriesOf, type KeyEntry } from "../../src/core/key-entry.ts";
import { recordOf } from "../../src/core/key-record.ts";
import type { Keys } from "../../src/keys/keys.ts";
import { reconcile } from "../../src/keys/reconcile.ts";
import { createRedis } from "../../src/stores/key-record-reader.ts";
import { createManagementClient } from "../../src/stores/management-client.ts";
import { exportUsers } from "../../src/stores/user-export.ts";
import { userLock } from "../../src/stores/user-lock.ts";
import { ADA, GRACE, stage, type Stage } from "../support/stage.ts";

let now = Date.now();
let s: Stage;
/** The requests of the operation under test, and with which of them its process dies. */
const wire = { isArmed: false, requests: [] as string[], dieAt: Infinity };
const server = setupServer();

beforeAll(async () => {
  s = await stage({ nowMs: () => now });
  const intercept = async ({ request }: { readonly request: Request }) => {
    if (!wire.isArmed) return passthrough();
    const at = wire.requests.push(`${request.method} ${new URL(request.url).pathname}`) - 1;
    if (at < wire.dieAt) return passthrough();
    // The last request takes effect, nobody hears its answer, and none comes after it, not even to free a lock.
    if (at === wire.dieAt) await (await fetch(bypass(request))).arrayBuffer();
    return HttpResponse.error();
  };
  server.use(http.all(`${s.settings.origin}/*`, intercept), http.all(`${s.settings.redisUrl}/*`, intercept));
  for (const name of NAMES) {
    const { key, id } = await s.create(ownerOf(name));
    const entries = keyEntriesOf(s.local.tenant.users.get(ownerOf(name))?.["app_metadata"]);
    made.set(name, { key, entry: entries.find((one) => one.id === id) as KeyEntry });
  }
  server.listen({ onUnhandledRequest: "bypass" });
});
afterAll(async () => {
  server.close();
  await s.stop();
});

/** A fresh process, as it were, in which only waiting makes time pass. */
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
  const client = createManagementClient({ ...s.settings, timeoutMs: 2_000 });
  const atOnce = async (): Promise<void> => undefined;
  return { ...openKeys(s.config, s.settings), lock, exportUsers: exportUsers(client, atOnce), sleep: atOnce };
}

const NAMES = ["missing", "stale", "lost", "tombstone"] as const;
type Name = (typeof NAMES)[number];
const ownerOf = (name: Name) => (name === "missing" || name === "stale" ? ADA : GRACE);
const made = new Map<Name, { readonly key: string; readonly entry: KeyEntry }>();
const entryOf = (name: Name) => made.get(name)?.entry as KeyEntry;

/** One key in every state that reconcile mends. */
async function damage(): Promise<void> {
  await s.local.redis.execute(["FLUSHALL"]);
  const setEntries = (userId: string, api_keys: readonly KeyEntry[]) => {
    const user = s.local.tenant.users.get(userId);
    s.local.tenant.users.set(userId, { ...user, user_id: userId, app_metadata: { api_keys } });
  };
  setEntries(ADA, [entryOf("missing"), entryOf("stale")]);
  setEntries(GRACE, [entryOf("tombstone")]);
  await s.keys.records.addMissing([
    { ...recordOf(ADA, entryOf("stale")), hash: "of a rotation that failed" },
    recordOf(GRACE, entryOf("lost")),
    { ...recordOf(GRACE, entryOf("tombstone")), revoked_at: s.keys.nowSeconds(), revoked_reason: "leaked" },
  ]);
}
const statusOf = async (name: Name) => (await s.exchange(made.get(name)?.key ?? "")).status;

const mendAll = async (): Promise<unknown> =>
  reconcile(freshKeys(), {
    fix: true,
    restoreEntries: true,
    restoreMany: true,
    onDifference: () => undefined,
  });

/** Runs until its process dies with the request number `dieAt`; gives the error, if there was one to see. */
async function killedAt(dieAt: number): Promise<unknown> {
  Object.assign(wire, { isArmed: true, requests: [], dieAt });
  try {
    return await mendAll();
  } catch (error) {
    return error;
  } finally {
    wire.isArmed = false;
  }
}

it("reconcile that dies after any of its requests loses no key and revives none, and the next one completes it", async () => {
  await damage();
  await killedAt(Infinity);
  const count = wire.requests.length;
  expect(count).toBeGreaterThan(15);
  for (let dieAt = 0; dieAt < count; dieAt++) {
    await damage();
    const outcome = await killedAt(dieAt);
    const label = `request ${dieAt}: ${wire.requests[dieAt]}`;
    expect(outcome, label).toSatisfy(
      (error: unknown) => !(error instanceof Error) || error instanceof ApiKeysError,
    );
    expect(await statusOf("tombstone"), label).not.toBe(200);
    await mendAll();
    expect(await Promise.all(NAMES.map(statusOf)), label).toEqual([200, 200, 200, 400]);
  }
}, 120_000);
