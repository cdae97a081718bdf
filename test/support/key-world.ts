import { ApiKeysError } from "../../src/core/errors.ts";
import { keyEntriesOf } from "./entries.ts";
import { recordKey } from "../../src/core/key-record.ts";
import type { Keys } from "../../src/keys/keys.ts";
import { reconcile } from "../../src/keys/reconcile.ts";
import type { Difference } from "../../src/keys/mend-user.ts";
import { freshKeys, type TestClock } from "./fresh-keys.ts";
import { isDead, isGranted, type KeyState, type Step } from "./key-model.ts";
import { claimsOf, setMetadata, type Stage } from "./stage.ts";
import { FAULTS, type Wire } from "./wire.ts";

/** How an operation is disturbed: nothing, or one of its requests in one of these ways. */
export interface Disturbance {
  readonly failAt: number;
  readonly fault: keyof typeof FAULTS | "is the last of its process";
}

/** A key on its way through the world. */
export interface KnownKey {
  readonly id: string;
  readonly owner: string;
  /** Every secret that was shown to its holder. */
  readonly shown: string[];
  /** What may be so: more than one while a broken-off change has not been completed. */
  candidates: readonly KeyState[];
  /** Whether a revocation that was broken off has been seen to hold: then it holds as long as Redis does. */
  isTombstoned: boolean;
  /** Whether its entry was wiped and not restored since. */
  isLost: boolean;
  /** The texts that its record has had, for a replica that lags behind. */
  readonly records: (string | null)[];
}

/** The model beside the real thing. Every method acts on both, and throws where they part. */
export class KeyWorld {
  readonly known: KnownKey[] = [];
  readonly #stage: Stage;
  readonly #wire: Wire;
  readonly #clock: TestClock;
  /** How many requests the last disturbed operation made, the failed ones included. */
  disturbedRequests = 0;
  /** Whether Redis was lost and not rebuilt since. */
  isWiped = false;

  constructor(stage: Stage, wire: Wire, clock: TestClock) {
    [this.#stage, this.#wire, this.#clock] = [stage, wire, clock];
  }

  get nowSeconds(): number {
    return Math.floor(this.#clock.nowMs / 1000);
  }

  /** A process of its own, which may be disturbed: gives what it gave, or the error that its operator saw. */
  async run<T>(
    disturbance: Disturbance | undefined,
    work: (keys: Keys) => Promise<T>,
  ): Promise<T | ApiKeysError> {
    const { failAt, fault } = disturbance ?? { failAt: -1, fault: "never arrives" };
    const process = async () => work(freshKeys(this.#stage, this.#clock));
    const outcome =
      fault === "is the last of its process"
        ? await this.#wire.kill(failAt, process)
        : await this.#wire.disturb(failAt, FAULTS[fault], process);
    if (disturbance) this.disturbedRequests = this.#wire.requests.length;
    return outcome;
  }

  /** Takes a change of a key over into the model, by what its operator was told. */
  settle(key: KnownKey, step: Step, outcome: unknown, isDisturbed: boolean): void {
    const next = candidatesOf(key).map((state) => step(state, this.nowSeconds));
    const taken = next.filter((one): one is KeyState => !("refused" in one));
    if (!(outcome instanceof ApiKeysError)) {
      if (taken.length === 0) throw new Error(`Key ${key.id} took a change that it should have refused.`);
      key.candidates = taken;
    } else if (isDisturbed) {
      key.candidates = [...key.candidates, ...taken];
    } else if (!this.#mayRefuse(key, next, outcome.code)) {
      throw new Error(`Key ${key.id} refused a change with ${outcome.code}: ${outcome.message}`);
    }
  }

  #mayRefuse(
    key: KnownKey,
    next: readonly (KeyState | { readonly refused: string })[],
    code: string,
  ): boolean {
    if (this.isWiped && code === "store_unmarked") return true;
    if (code === "key_not_found") {
      return key.isLost || key.candidates.some((state) => isDead(state, this.nowSeconds));
    }
    return next.some((one) => "refused" in one && one.refused === code);
  }

  /** Which of a key's shown secrets are granted, over HTTP; and that they grant the right user, and no other. */
  async #observe(key: KnownKey): Promise<readonly boolean[]> {
    const granted: boolean[] = [];
    for (const secret of key.shown) {
      const { status, body } = await this.#stage.exchange(secret);
      granted.push(status === 200);
      if (status !== 200) continue;
      const { sub, act } = claimsOf(body["access_token"]);
      const actor = `api-key|${key.id}`;
      if (sub !== key.owner || (act as { sub?: unknown }).sub !== actor) {
        throw new Error(`Key ${key.id} of ${key.owner} was granted as ${String(sub)}.`);
      }
    }
    return granted;
  }

  /** Holds the model against the exchange. */
  async check(key: KnownKey): Promise<void> {
    const observed = String(await this.#observe(key));
    const possible = this.#possible(key).map(String);
    if (!possible.includes(observed)) {
      throw new Error(`Key ${key.id}: granted ${observed}, where it may be ${possible.join(" or ")}.`);
    }
    if (this.isWiped || key.isLost) return;
    const isLiving = (state: KeyState) =>
      key.shown.some((secret) => isGranted(state, secret, this.nowSeconds));
    const [revoked, others] = [true, false].map((is) =>
      key.candidates.filter(({ isRevoked }) => isRevoked === is),
    );
    key.isTombstoned ||= Boolean(revoked?.length && others?.every(isLiving)) && !observed.includes("true");
  }

  #possible(key: KnownKey): readonly (readonly boolean[])[] {
    if (this.isWiped || key.isLost) return [key.shown.map(() => false)];
    return candidatesOf(key).map((state) =>
      key.shown.map((secret) => isGranted(state, secret, this.nowSeconds)),
    );
  }

  /** Exchanges while Redis answers with an older text of the key's record: what is over stays over. */
  async checkReplica(key: KnownKey, at: number): Promise<void> {
    const { redis } = this.#stage.local;
    const name = recordKey(key.id);
    const text = (await redis.execute(["GET", name])) as string | null;
    const ttlMs = Number(await redis.execute(["PTTL", name]));
    key.records.push(text);
    const older = key.records[at % key.records.length];
    if (typeof older !== "string") return;
    await redis.execute(["SET", name, older]);
    const granted = await this.#observe(key);
    if (text === null) await redis.execute(["DEL", name]);
    else await redis.execute(["SET", name, text, ...(ttlMs > 0 ? ["PX", String(ttlMs)] : [])]);
    const isOver = key.candidates.every((state) => isDead(state, this.nowSeconds) || state.isDisabled);
    if (isOver && granted.includes(true)) throw new Error(`Key ${key.id} was granted by a stale replica.`);
  }

  async wipeRedis(): Promise<void> {
    if (this.known.some(({ isLost }) => isLost)) return;
    await this.#stage.local.redis.execute(["FLUSHALL"]);
    this.isWiped = true;
    for (const key of this.known) key.isTombstoned = false;
  }

  /** A bulk import with `upsert`, as it overwrites `app_metadata`. */
  wipeEntries(userId: string): void {
    if (this.isWiped) return;
    setMetadata(this.#stage, userId, { imported: true });
    for (const key of this.known) key.isLost ||= key.owner === userId;
  }

  /** Reconciles; undisturbed, both stores must agree afterwards, and every key be what it can be. */
  async reconcile(disturbance?: Disturbance): Promise<void> {
    const outcome = await this.run(disturbance, async (keys) => reconcileAll(keys, true));
    this.isWiped = (await this.#stage.keys.records.readMarker()) !== "ours";
    for (const key of this.known) {
      const wasLost = key.isLost;
      key.isLost &&= !this.#hasEntry(key);
      // An entry that was lost comes back disabled.
      if (wasLost && !key.isLost)
        key.candidates = key.candidates.map((one) => ({ ...one, isDisabled: true }));
    }
    if (disturbance) return;
    if (outcome instanceof ApiKeysError) throw outcome;
    for (const key of this.known) {
      // What has ended is not brought back.
      if (key.isLost) key.candidates = key.candidates.filter((one) => isDead(one, this.nowSeconds));
      if (this.isWiped || key.candidates.length === 0)
        throw new Error(`A reconcile has left ${key.id} lost.`);
      key.isLost = false;
    }
    const left = await this.run(undefined, async (keys) => reconcileAll(keys, false));
    if (left instanceof ApiKeysError || left.length > 0) {
      throw new Error(`A reconcile has left differences: ${JSON.stringify(left)}`);
    }
    for (const key of this.known) {
      await this.check(key);
      const observed = String(await this.#observe(key));
      const possible = this.#possible(key);
      key.candidates = candidatesOf(key).filter((_, at) => String(possible[at]) === observed);
    }
  }

  /** Whether a key has its entry, or is over and need not have one. */
  #hasEntry({ id, owner, candidates }: KnownKey): boolean {
    const entries = keyEntriesOf(this.#stage.local.tenant.users.get(owner)?.["app_metadata"]);
    return entries.some((one) => one.id === id) || candidates.every((one) => isDead(one, this.nowSeconds));
  }
}

function candidatesOf({ candidates, isTombstoned }: KnownKey): readonly KeyState[] {
  return isTombstoned ? candidates.filter(({ isRevoked }) => isRevoked) : candidates;
}

async function reconcileAll(keys: Keys, isFixing: boolean): Promise<readonly Difference[]> {
  const differences: Difference[] = [];
  await reconcile(keys, {
    fix: isFixing,
    restoreEntries: isFixing,
    restoreMany: isFixing,
    onDifference: (one) => void differences.push(one),
  });
  return differences;
}
