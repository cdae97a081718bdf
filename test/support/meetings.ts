import { vi } from "vitest";

import { ApiKeysError } from "../../src/core/errors.ts";
import { recordKey } from "../../src/core/key-record.ts";
import { bundleAction, TRIGGERS } from "../../src/deploy/bundle.ts";
import { defineConfig } from "../../src/deploy/config.ts";
import { takeOver } from "../../src/keys/take-over.ts";
import { freshKeys, type TestClock } from "./fresh-keys.ts";
import { isGranted, revoked } from "./key-model.ts";
import { isDone, reconcileAll, statesAfter, type Ran, type Verb } from "./pause-verbs.ts";
import { CONNECTION, OLDER_PEPPER, PEPPERS, pauseWorld, type PauseWorld } from "./pause-world.ts";
import { CONFIG, stage, TENANT, type Stage } from "./stage.ts";
import { FAULTS, openWire, type Wire } from "./wire.ts";
import { openWorldClock } from "./world-clock.ts";

/** Longer than a lease of 30 seconds. */
const STOPPED_MS = 31_000;
const NAME = "orders";
const POLICY = { allowNoExpiry: true, acceptForeignKeys: true, maxKeysPerUser: 30 };

/** Two processes meet: one is stopped, for longer than its lease, while the other runs to its end. */
export interface Meetings {
  /** The requests that a verb sends which nobody overtakes, in a world for both. */
  requestsOf(first: Verb, second: Verb): Promise<readonly string[]>;
  /**
   * The first verb is stopped right before one of its requests, the second runs to its end, and the first goes on. Gives
   * what is broken then, at once, after a reconcile, or after a loss of Redis; `undefined` if there is no such request.
   */
  meet(first: Verb, second: Verb, at: number): Promise<readonly string[] | undefined>;
  close(): Promise<void>;
}

let clock: TestClock;
let s: Stage;
let wire: Wire;
/** What there is before each run, for each state of the key that both verbs are about. */
const worlds = new Map<string, PauseWorld>();

/** Prepares a tenant on which processes can meet. */
export async function openMeetings(): Promise<Meetings> {
  clock = openWorldClock();
  const config = { name: NAME, policy: POLICY, serviceUsers: { connection: CONNECTION } };
  const deployed = { ...defineConfig({ ...CONFIG, ...config }), tenant: TENANT, takesOver: true };
  s = await stage({
    nowMs: () => clock.nowMs,
    config,
    pepper: PEPPERS,
    actions: await Promise.all(TRIGGERS.map(async (trigger) => bundleAction(trigger, deployed))),
  });
  wire = openWire(s, true);
  for (const isRotated of [false, true]) {
    for (const isDisabled of [false, true]) {
      worlds.set(`${isRotated} ${isDisabled}`, await pauseWorld(s, clock, { isRotated, isDisabled }));
    }
  }
  return {
    meet,
    async requestsOf(first, second) {
      const world = await worldFor([first, second]);
      await wire.disturb(-1, FAULTS["never arrives"], async () => first.run(freshKeys(s, clock), world));
      return wire.requests;
    },
    async close() {
      vi.useRealTimers();
      wire.close();
      await s.stop();
    },
  };
}

const through = async (keys: readonly string[]): Promise<readonly boolean[]> =>
  Promise.all(keys.map(async (key) => (await s.exchange(key)).status === 200));

/** The world that both verbs need, brought back. */
async function worldFor(pair: readonly Verb[]): Promise<PauseWorld> {
  const isOne = (name: string) => pair.some((verb) => verb.name === name);
  const [isRotated, isDisabled] = [pair.some((one) => one.isRotated), pair.some((one) => one.isDisabled)];
  const world = worlds.get(`${isRotated} ${isDisabled}`);
  if (!world) throw new Error("no such world");
  await world.restore({ isUnnamed: isOne("take over"), isOldSeal: isOne("retire a pepper") });
  return world;
}

async function meet(first: Verb, second: Verb, at: number): Promise<readonly string[] | undefined> {
  const world = await worldFor([first, second]);
  let overtaking: Ran | undefined;
  const outcome = await wire.pause(
    at,
    async () => {
      clock.nowMs += STOPPED_MS;
      const work = second.run(freshKeys(s, clock), world);
      overtaking = { verb: second, outcome: await work.catch(ofProduct) };
    },
    async () => first.run(freshKeys(s, clock), world),
  );
  if (!overtaking) return undefined;
  const label = `${first.name} at ${at} (${wire.requests[at]}), ${second.name}`;
  return new Meeting(world, at, { verb: first, outcome }, overtaking).judge(label);
}

function ofProduct(error: unknown): ApiKeysError {
  if (error instanceof ApiKeysError) return error;
  throw error;
}

/** Two verbs that have met, and what is so now. */
class Meeting {
  readonly #runs: readonly Ran[];
  readonly #broken: string[] = [];

  constructor(
    readonly world: PauseWorld,
    readonly at: number,
    readonly first: Ran,
    readonly second: Ran,
  ) {
    this.#runs = [first, second];
  }

  #has = (wanted: (verb: Verb) => unknown) => this.#runs.some(({ verb }) => wanted(verb));
  #hasDone = (wanted: (verb: Verb) => unknown) => this.#runs.some((one) => isDone(one) && wanted(one.verb));
  /** Until a take-over that was held up has been run again, a user's keys may be in neither field's reach. */
  #isMoving = (isWhole: boolean) => !isWhole && this.#has(({ name }) => name === "take over");

  /** Looks at every key at once, after a reconcile, and after a loss of Redis. Gives what is broken. */
  async judge(label: string): Promise<readonly string[]> {
    const keys = freshKeys(s, clock);
    const steps: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["at once", async () => undefined],
      ["reconciled", async () => this.#reconcile()],
      [
        "after Redis was lost",
        async () => {
          await s.local.redis.execute(["FLUSHALL"]);
          await reconcileAll(keys);
        },
      ],
    ];
    const told = this.#runs.map(
      ({ verb, outcome }) => `${verb.name}: ${outcome instanceof ApiKeysError ? outcome.code : "done"}`,
    );
    for (const { outcome } of this.#runs) {
      const isLost = outcome instanceof ApiKeysError && outcome.code === "key_not_found";
      if (isLost && !this.#has(({ ends }) => ends === "all")) this.#broken.push("a key was not found");
    }
    await this.#lookAtSeals();
    for (const [when, step] of steps) {
      const before = this.#broken.length;
      await step();
      await this.#look(when !== "at once");
      this.#broken.push(...this.#broken.splice(before).map((what) => `${when}: ${what}`));
    }
    return this.#broken.map((what) => `${label}; ${told.join(", ")}; ${what}`);
  }

  async #reconcile(): Promise<void> {
    const keys = freshKeys(s, clock);
    clock.nowMs += STOPPED_MS;
    if (this.#has(({ name }) => name === "take over")) await takeOver(keys, true);
    await reconcileAll(keys);
    const left = (await reconcileAll(keys, false)).filter(
      ({ kind }) => !["linked_user", "orphan_record", "deleted_user"].includes(kind),
    );
    if (left.length > 0) this.#broken.push(`differences remain: ${JSON.stringify(left)}`);
  }

  async #look(isWhole: boolean): Promise<void> {
    await this.#lookAtKey(isWhole);
    for (const [index, one] of (await through(this.world.never)).entries())
      if (one) this.#broken.push(`key ${index} of those that are never granted is granted`);
    const others = isWhole ? this.world.others : this.world.others.slice(0, 1);
    const expected = [
      ...others.map((key) => [key, this.#expectedOf(undefined, isWhole)] as const),
      ...this.#runs.flatMap((ran) =>
        typeof ran.outcome === "string" && ran.verb.name !== "rotate"
          ? [[ran.outcome, this.#expectedOf(ran, isWhole)] as const]
          : [],
      ),
    ];
    const granted = await through(expected.map(([key]) => key));
    for (const [index, [, wanted]] of expected.entries())
      if (wanted !== undefined && granted[index] !== wanted)
        this.#broken.push(`key ${index} of ${expected.length} is ${wanted ? "dead" : "granted"}`);
  }

  /** Whether a key must be granted: one that a verb has shown, or another; `undefined` where either is right. */
  #expectedOf(shownBy: Ran | undefined, isWhole: boolean): boolean | undefined {
    if (this.#hasDone(({ ends }) => ends === "all")) return false;
    if (this.#has(({ ends }) => ends === "all") || this.#isMoving(isWhole)) return undefined;
    if (shownBy?.verb.takesRestored && this.#has(({ name }) => name === "reconcile and restore"))
      return undefined;
    const isAdas = shownBy?.verb.isOfAnother !== true;
    if (!isAdas || !this.#has(({ ends }) => ends === "all of Ada's")) return true;
    if (!this.#hasDone(({ ends }) => ends === "all of Ada's")) return undefined;
    // It looks again until it finds none. What is shown after that has been made after that.
    if (shownBy !== this.first) return false;
    return shownBy.verb.isHeldAlready ? undefined : true;
  }

  /** The key that the verbs are about. */
  async #lookAtKey(isWhole: boolean): Promise<void> {
    const { secrets, state, id } = this.world;
    const nowSeconds = Math.floor(clock.nowMs / 1_000);
    const rotated = this.#runs.flatMap(({ verb, outcome }) =>
      verb.name === "rotate" && typeof outcome === "string" ? [outcome] : [],
    );
    const all = [...secrets, ...rotated];
    const granted = String(await through(all));
    const isSwitchedOff = this.at > 0 && isDone(this.second) && this.second.verb.name === "disable";
    const possible = statesAfter(state, this.#runs, nowSeconds)
      // A key that is switched off while another process is held up that began to switch it on stays off.
      .filter(({ isDisabled }) => isDisabled || !isSwitchedOff)
      .map((one) => String(all.map((secret) => isGranted(one, secret, nowSeconds))));
    const none = String(all.map(() => false));
    if (this.#has(({ ends }) => ends === "all") || this.#isMoving(isWhole)) possible.push(none);
    if (this.#hasDone(({ ends }) => ends === "all")) possible.splice(0, possible.length, none);
    if (!possible.includes(granted))
      this.#broken.push(`granted ${granted}, and not ${possible.join(" or ")}`);
    const text = await s.local.redis.execute(["GET", recordKey(id)]);
    const isTombstone = typeof text !== "string" || text.includes('"revoked_at"');
    if (this.#hasDone(({ step }) => step?.(undefined) === revoked) && !isTombstone)
      this.#broken.push("the record of a revoked key lives");
  }

  /** Once a pepper is retired, nothing needs it, whoever was held up meanwhile. */
  async #lookAtSeals(): Promise<void> {
    if (!this.#hasDone(({ name }) => name === "retire a pepper")) return;
    for await (const ids of s.keys.records.ids()) {
      if ((await s.keys.records.sealVersions(ids)).includes(OLDER_PEPPER))
        this.#broken.push("a record is sealed with the retired pepper");
    }
  }
}
