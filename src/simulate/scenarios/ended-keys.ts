import { ApiKeyTokenSource } from "../../client/token-source.ts";
import { keyOf } from "../fleet.ts";
import { ModelTenant } from "../model-tenant.ts";
import { seededRandom } from "../random.ts";
import { Tally } from "../tally.ts";
import { World } from "../world.ts";
import { DAY_SECONDS, type Run } from "./run.ts";

/** What keys that have ended cost the good ones, while they go on being used. */
export interface EndedKeysRow {
  /** How long the ended keys have been polling before good ones come. */
  readonly polled_seconds: number;
  /** Whether the gateway has a kill switch, which knows that they have ended. */
  readonly has_kill_switch: boolean;
  readonly ended_keys: number;
  readonly calls: number;
  readonly failed: number;
  readonly p50_wait_ms: number;
  /** Of the minute in which the good ones come. */
  readonly exchanges_on_ended: number;
}

export const ENDED_KEYS = 200;
export const POLL_MS = 5_000;
const LOADS = [
  { polled_seconds: 0, has_kill_switch: true },
  { polled_seconds: 0, has_kill_switch: false },
  { polled_seconds: 60, has_kill_switch: false },
  { polled_seconds: 600, has_kill_switch: false },
  { polled_seconds: 3_600, has_kill_switch: false },
];

/** One process at 4 exchanges a second: for a minute one new good key a second, while ended keys poll. */
export async function endedKeys({ seed, isQuick, note }: Run): Promise<readonly EndedKeysRow[]> {
  const rows: EndedKeysRow[] = [];
  for (const load of isQuick ? LOADS.slice(0, 2) : LOADS) {
    note(`ended keys that have polled for ${load.polled_seconds} s`);
    rows.push(await minuteOf(load, seed));
  }
  return rows;
}

/** What comes of one such minute. */
export async function minuteOf(
  load: Pick<EndedKeysRow, "polled_seconds" | "has_kill_switch">,
  seed: number,
): Promise<EndedKeysRow> {
  const world = new World(Date.UTC(2027, 0, 4));
  const nowMs = () => world.nowMs();
  const random = seededRandom(seed);
  const tenant = new ModelTenant(world, random, { exchangesPerSecond: 4, lifetimeSeconds: DAY_SECONDS });
  const ended = Array.from({ length: ENDED_KEYS }, (_, at) => keyOf(1_000 + at));
  const texts = new Set(ended.map((key) => key.reveal()));
  const ids = new Set(ended.map(({ id }) => id));
  let onEnded = 0;
  tenant.judge = (apiKey) => {
    if (!texts.has(apiKey)) return "grant";
    onEnded++;
    return "revoked";
  };
  const source = new ApiKeyTokenSource({
    token_endpoint: "https://acme.example/oauth/token",
    client_id: "gateway",
    subject_token_type: "urn:acme:api-key",
    clock: world,
    random,
    fetch: tenant.fetchFrom("192.0.2.1"),
  });
  const hasEnded = load.has_kill_switch ? async (keyId: string) => ids.has(keyId) : undefined;
  const getToken = async (apiKey: (typeof ended)[number]) =>
    source.getToken({ audience: "https://api.acme.example", apiKey, hasEnded });
  const poll = (key: (typeof ended)[number]) => {
    void getToken(key).catch(() => undefined);
    world.at(nowMs() + POLL_MS, () => poll(key));
  };
  for (const [at, key] of ended.entries()) world.at(nowMs() + (at * POLL_MS) / ENDED_KEYS, () => poll(key));
  await world.run(nowMs() + load.polled_seconds * 1_000);
  onEnded = 0;
  const tally = new Tally();
  for (let second = 0; second < 60; second++) {
    world.at(nowMs() + second * 1_000, () => void tally.count(getToken(keyOf(second)), nowMs));
  }
  await world.run(nowMs() + 60_000);
  const exchanges_on_ended = onEnded;
  // What waits is given its time.
  await world.run(nowMs() + 20_000);
  const { calls, failed, p50_wait_ms } = tally.outcome;
  return { ...load, ended_keys: ENDED_KEYS, calls, failed, p50_wait_ms, exchanges_on_ended };
}
