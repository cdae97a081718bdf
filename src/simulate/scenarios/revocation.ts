import { KillSwitch } from "../../client/kill-switch.ts";
import { actorOf } from "../../core/actor.ts";
import { DEFAULT_NAME } from "../../core/deployment.ts";
import { sealRecord } from "../../core/key-record.ts";
import { parsePeppers } from "../../core/peppers.ts";
import { Fleet, keyOf, type Design } from "../fleet.ts";
import { ModelRedis } from "../model-redis.ts";
import { ModelTenant } from "../model-tenant.ts";
import { bytesOf, exponential, seededRandom } from "../random.ts";
import { World } from "../world.ts";
import { HOUR_SECONDS, PROCESSES, type Run } from "./run.ts";

/** How long a revoked key is still accepted, in seconds. */
export interface RevocationRow {
  readonly layer: "exchange" | "gateway with kill switch" | "gateway" | "bare API";
  readonly lifetime_hours: number;
  readonly keys: number;
  readonly p50_seconds: number;
  readonly max_seconds: number;
}

/** A replica in another region follows so late on average. An assumption: Upstash promises no number. */
export const REPLICA_LAG_MS = 500;
const STARTS_AT_MS = Date.UTC(2027, 0, 4);
const OFTEN_MS = 250;
const SELDOM_MS = 30_000;

/** From the revocation to the last call that was accepted, layer by layer, over keys that are used all the time. */
export async function revocation({ seed, isQuick, note }: Run): Promise<readonly RevocationRow[]> {
  const rows: RevocationRow[] = [];
  for (const lifetime_hours of [1, 24]) {
    note(`revocation, ${lifetime_hours} h tokens`);
    const keys = isQuick ? 2 : 200;
    const world = new World(STARTS_AT_MS);
    const layers = layersOf(world, seed, lifetime_hours * HOUR_SECONDS);
    const seconds = new Map<RevocationRow["layer"], number[]>();
    for (let number = 1; number <= keys; number++) {
      for (const [layer, watch] of layers) {
        void watch(number).then((lived) => seconds.set(layer, [...(seconds.get(layer) ?? []), lived]));
      }
    }
    await world.run(STARTS_AT_MS + 3 * lifetime_hours * HOUR_SECONDS * 1000);
    for (const [layer] of layers) {
      const lived = (seconds.get(layer) ?? []).toSorted((one, other) => one - other);
      const at = (part: number) => Math.round((lived[Math.floor((lived.length - 1) * part)] ?? 0) * 10) / 10;
      rows.push({ layer, lifetime_hours, keys: lived.length, p50_seconds: at(0.5), max_seconds: at(1) });
    }
  }
  return rows;
}

type Watch = (number: number) => Promise<number>;

function layersOf(
  world: World,
  seed: number,
  lifetimeSeconds: number,
): ReadonlyMap<RevocationRow["layer"], Watch> {
  const random = seededRandom(seed);
  // Each key is revoked at a time of its own, in the second lifetime; a replica knows of it later.
  const revokedAtMs = (number: number) =>
    STARTS_AT_MS + lifetimeSeconds * 1000 * (1 + seededRandom(number)());
  const seenAtMs = (number: number) =>
    revokedAtMs(number) + exponential(seededRandom(-number), REPLICA_LAG_MS);
  const seen = new Map(
    Array.from({ length: 1_000 }, (_, number) => [keyOf(number).reveal(), seenAtMs(number)] as const),
  );
  const tenant = new ModelTenant(world, random, { exchangesPerSecond: 1_000, lifetimeSeconds });
  tenant.judge = (apiKey, atMs) => (atMs < (seen.get(apiKey) ?? 0) ? "grant" : "revoked");
  const fleetOf = (design: Design) =>
    new Fleet(world, random, { design, processes: PROCESSES, redis: new ModelRedis(world, 1), tenant });
  const [uncached, gateway] = [fleetOf("none"), fleetOf("redis")];
  const killSwitch = killSwitchOf(world, seenAtMs);

  /** Calls again and again, and gives the seconds from the revocation to the last call that was accepted. */
  const watch = async (number: number, everyMs: number, isAccepted: () => Promise<boolean>) => {
    const atMs = revokedAtMs(number);
    let lastMs = 0;
    for (;;) {
      const calledMs = world.nowMs();
      if (!(await isAccepted())) return Math.max(0, lastMs - atMs) / 1000;
      lastMs = calledMs;
      await world.sleep(everyMs * (0.5 + random()));
    }
  };
  const isGiven = async (fleet: Fleet, number: number) =>
    fleet.getToken(keyOf(number)).then(
      () => true,
      () => false,
    );
  const soon = async (number: number) => world.sleep(revokedAtMs(number) - 30_000 - world.nowMs());
  return new Map<RevocationRow["layer"], Watch>([
    [
      "exchange",
      async (number) => {
        await soon(number);
        return watch(number, OFTEN_MS, async () => isGiven(uncached, number));
      },
    ],
    [
      "gateway with kill switch",
      async (number) => {
        await soon(number);
        const claims = { act: { sub: actorOf({ name: DEFAULT_NAME }, keyOf(number).id) } };
        return watch(number, OFTEN_MS, async () => (await killSwitch.refuse(claims)) === undefined);
      },
    ],
    [
      "gateway",
      async (number) => {
        await world.sleep(random() * lifetimeSeconds * 1000);
        return watch(number, SELDOM_MS, async () => isGiven(gateway, number));
      },
    ],
    [
      // Whoever took the token from a process that keeps it may use it to its end.
      "bare API",
      async (number) => {
        await world.sleep(revokedAtMs(number) - random() * lifetimeSeconds * 1000 - world.nowMs());
        const obtainedAtMs = world.nowMs();
        await fleetOf("none").getToken(keyOf(number));
        return (obtainedAtMs + lifetimeSeconds * 1000 - revokedAtMs(number)) / 1000;
      },
    ],
  ]);
}

/** The real kill switch over a replica of the records. */
function killSwitchOf(world: World, seenAtMs: (number: number) => number): KillSwitch {
  const peppers = parsePeppers(Buffer.from(bytesOf(1)(32)).toString("base64url"));
  const numberOf = new Map(
    Array.from({ length: 1_000 }, (_, number) => [`apikey:${keyOf(number).id}`, number]),
  );
  const nowMs = () => world.nowMs();
  const command = async (_get: string, name = "") => {
    await world.sleep(1);
    const number = numberOf.get(name) ?? 0;
    const revoked_at = Math.floor(seenAtMs(number) / 1000);
    const record = { id: name.slice("apikey:".length), sub: "auth0|ada", hash: "x".repeat(43), v: 1, iat: 1 };
    return sealRecord({ ...record, ...(seenAtMs(number) <= nowMs() && { revoked_at }) }, peppers);
  };
  return new KillSwitch({ redis: { command }, nowMs });
}
