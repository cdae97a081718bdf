import { claimOfMarker, readStoreMarker, STORE_MARKER_KEY, type StoreMarker } from "../core/store-marker.ts";
import type { Deployment } from "../core/deployment.ts";
import { recordKey } from "../core/key-record.ts";
import type { Peppers } from "../core/peppers.ts";
import { createRedis } from "./key-record-reader.ts";

/** How a request to a Redis database ended. */
export type Reached = "reached" | "wrong_token" | "not_permitted" | "unreachable";

/** A Redis database as each of two tokens sees it: the one that keys are made with, and the one that the Action gets. */
export interface StoreFacts {
  readonly standard: Reached;
  readonly standardWrites: Reached;
  /** The look-up of an exchange, with what the Action will get. */
  readonly action: Reached;
  readonly actionWrites: Reached;
  /** Whether both tokens see the same marker: else they are of two databases. */
  readonly isSame: boolean;
  readonly marker: StoreMarker | undefined;
  /** Whose store its marker says that it is. */
  readonly claim: string | undefined;
  readonly eviction: "on" | "off" | "unknown";
}

/** What is needed to look at a database. */
export interface StoreToExamine {
  readonly url: string;
  readonly token: string;
  readonly actionToken: string;
}

const TIMEOUT_MS = 10_000;
/** A key that is never there: to delete it changes nothing, but a read-only token may not even try. */
const PROBE = "apikey-doctor-probe";
const PROBE_ID = "0".repeat(12);

/** Looks at a database with both tokens. Changes nothing, never throws, and quotes no answer: it may hold a token. */
export async function examineStore(
  { url, token, actionToken }: StoreToExamine,
  deployment: Deployment,
  peppers: Peppers,
): Promise<StoreFacts> {
  const open = (one: string) => createRedis({ url, token: one, timeoutMs: TIMEOUT_MS });
  const [standard, action] = [open(token), open(actionToken)];
  const seen = await look(standard.mget<(string | null)[]>(recordKey(PROBE_ID), STORE_MARKER_KEY));
  const looked = await look(action.mget<(string | null)[]>(recordKey(PROBE_ID), STORE_MARKER_KEY));
  const marker = seen.value?.[1] ?? null;
  // Not for a read-only token to ask; and Upstash does not document it, so it may refuse any.
  const policy = await look(standard.exec<unknown>(["CONFIG", "GET", "maxmemory-policy"]));
  const named = Array.isArray(policy.value) ? String(policy.value[1] ?? "") : "";
  return {
    standard: seen.reached,
    standardWrites: (await look(standard.del(PROBE))).reached,
    action: looked.reached,
    actionWrites: (await look(action.del(PROBE))).reached,
    isSame: (looked.value?.[1] ?? null) === marker,
    marker: seen.reached === "reached" ? readStoreMarker(marker, deployment, peppers) : undefined,
    claim: claimOfMarker(marker),
    eviction: named === "" ? "unknown" : named === "noeviction" ? "off" : "on",
  };
}

async function look<T>(answer: Promise<T>): Promise<{ readonly reached: Reached; readonly value?: T }> {
  try {
    return { reached: "reached", value: await answer };
  } catch (error) {
    // Told apart by what Redis says; the text itself goes nowhere.
    const said = error instanceof Error ? error.message : "";
    if (/WRONGPASS|Unauthorized/i.test(said)) return { reached: "wrong_token" };
    if (/NOPERM|permission/i.test(said)) return { reached: "not_permitted" };
    return { reached: "unreachable" };
  }
}
