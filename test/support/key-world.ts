import { ApiKeysError } from "../../src/core/errors.ts";
import { keyEntriesOf } from "./entries.ts";
import { recordKey } from "../../src/core/key-record.ts";
import type { Keys } from "../../src/keys/keys.ts";
import { reconcile } from "../../src/keys/reconcile.ts";
import type { Difference } from "../../src/keys/mend-user.ts";
import { freshKeys, type TestClock } from "./fresh-keys.ts";
import { disabled, isDead, isGranted, overlapEnded, revoked, type KeyState, type Step } from "./key-model.ts";
import { claimsOf, setMetadata, type Stage } from "./stage.ts";
import { FAULTS, type Wire } from "./wire.ts";

/** Longer than a lease of 30 seconds. */
const STOPPED_MS = 31_000;
const ENDS = new Set<Step>([revoked, disabled, overlapEnded]);

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
  /** What it may be again if Redis is lost before the next reconcile: see {@link KeyWorld.overtake}. */
  exception?: readonly KeyState[] | undefined;
  /** Whether Redis was lost just then. */
  isDoubtful?: boolean;
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
  /** How often a profile had no room. */
  refused = 0;
  /** How many ends were acknowledged; how many of them stood in the one exception; and how many were lost to it. */
  readonly ends = { acknowledged: 0, excepted: 0, lost: 0 };

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

  /**
   * The one exception: a process is stopped before a `PATCH` for longer than its lease, another ends or pauses a key
   * meanwhile, and the first goes on and dies before it looks whether the lock was its own.
   */
  async overtake(
    key: KnownKey,
    step: Step,
    first: (keys: Keys) => Promise<unknown>,
    second: (keys: Keys) => Promise<unknown>,
  ): Promise<void> {
    const before = key.candidates;
    const isRevocation = step === revoked;
    let isDone = false;
    const overtaking = async () => {
      this.#clock.nowMs += STOPPED_MS;
      const outcome = await this.run(undefined, second);
      this.settle(key, step, outcome, false);
      isDone = !(outcome instanceof ApiKeysError);
    };
    const process = async () => first(freshKeys(this.#stage, this.#clock));
    await this.#wire.pause("PATCH", overtaking, process, true);
    if (!isDone) return;
    this.ends.excepted++;
    // A pause is taken back by the next reconcile, whatever becomes of Redis.
    if (isRevocation) key.exception = before;
    else key.candidates = [...key.candidates, ...before];
  }

  /** Takes a change of a key over into the model, by what its operator was told. */
  settle(key: KnownKey, step: Step, outcome: unknown, isDisturbed: boolean): void {
    const next = candidatesOf(key).map((state) => step(state, this.nowSeconds));
    const taken = next.filter((one): one is KeyState => !("refused" in one));
    if (!(outcome instanceof ApiKeysError)) {
      if (ENDS.has(step)) this.ends.acknowledged++;
      if (step === revoked) key.exception = undefined;
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
    if (code === "profile_too_large") return true;
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
    const granted = (states: readonly KeyState[]) =>
      states.flatMap((record) => states.map((entry) => this.#grantedBy(key, record, entry)));
    const possible = this.#isUnknown(key) ? [String(key.shown.map(() => false))] : granted(candidatesOf(key));
    if (!possible.includes(observed)) {
      throw new Error(`Key ${key.id}: granted ${observed}, where it may be ${possible.join(" or ")}.`);
    }
    if (this.#isUnknown(key)) return;
    const others = key.candidates.filter(({ isRevoked }) => !isRevoked);
    const isEnding = others.length < key.candidates.length;
    key.isTombstoned ||= isEnding && granted(others).every((one) => one !== observed);
  }

  /** Whether nothing is granted, whatever the key is. */
  #isUnknown = ({ isLost }: KnownKey) => this.isWiped || isLost;

  /** Which secrets are granted where the record says one thing and the entry another, as a broken-off change leaves it. */
  #grantedBy({ shown }: KnownKey, record: KeyState, entry: KeyState): string {
    const of = (state: KeyState, secret: string) => isGranted(state, secret, this.nowSeconds);
    return String(shown.map((secret) => of(record, secret) && of(entry, secret)));
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
    if (isOver && !key.exception && granted.includes(true))
      throw new Error(`Key ${key.id} was granted by a stale replica.`);
  }

  async wipeRedis(): Promise<void> {
    if (this.known.some(({ isLost }) => isLost)) return;
    await this.#stage.local.redis.execute(["FLUSHALL"]);
    this.isWiped = true;
    for (const key of this.known) {
      key.isTombstoned = false;
      if (!key.exception) continue;
      key.candidates = [...key.candidates, ...key.exception];
      key.exception = undefined;
      key.isDoubtful = true;
    }
  }

  /** A bulk import with `upsert`, as it overwrites `app_metadata`. */
  wipeEntries(userId: string): void {
    if (this.isWiped) return;
    setMetadata(this.#stage, userId, { imported: true });
    for (const key of this.known) {
      if (key.owner !== userId) continue;
      key.isLost = true;
      key.exception = undefined;
    }
  }

  /** Others write so much into a profile that it is this long. */
  fill(userId: string, bytes: number): void {
    const { other: _, ...metadata } = (this.#stage.local.tenant.users.get(userId)?.["app_metadata"] ??
      {}) as Record<string, unknown>;
    const missing = bytes - Buffer.byteLength(JSON.stringify({ ...metadata, other: "" }));
    setMetadata(this.#stage, userId, missing > 0 ? { ...metadata, other: "x".repeat(missing) } : metadata);
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
    const full = new Set(
      outcome.flatMap(({ kind, userId }) => (kind === "oversized_profile" ? [userId] : [])),
    );
    for (const key of this.known) {
      // Without room for what was lost, it stays lost.
      if (key.isLost && full.has(key.owner)) continue;
      // What has ended is not brought back.
      if (key.isLost) key.candidates = key.candidates.filter((one) => isDead(one, this.nowSeconds));
      if (this.isWiped || key.candidates.length === 0)
        throw new Error(`A reconcile has left ${key.id} lost.`);
      key.isLost = false;
    }
    const left = await this.run(undefined, async (keys) => reconcileAll(keys, false));
    if (left instanceof ApiKeysError) throw left;
    const wrong = left.filter(
      ({ kind, userId }) =>
        kind !== "oversized_profile" && !(kind === "orphan_record" && full.has(userId ?? "")),
    );
    if (wrong.length > 0) throw new Error(`A reconcile has left differences: ${JSON.stringify(wrong)}`);
    for (const key of this.known) {
      const observed = String(await this.#observe(key));
      if (key.isLost) await this.check(key);
      else {
        // Both stores agree now.
        key.candidates = candidatesOf(key).filter((one) => this.#grantedBy(key, one, one) === observed);
        if (key.candidates.length === 0) throw new Error(`Reconciled, key ${key.id} is granted ${observed}.`);
      }
      if (key.isDoubtful && key.candidates.every(({ isRevoked }) => !isRevoked)) this.ends.lost++;
      key.exception = undefined;
      key.isDoubtful = false;
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
