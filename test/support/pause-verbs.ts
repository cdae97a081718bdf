import { createHash } from "node:crypto";

import { ApiKey } from "../../src/core/api-key.ts";
import { ApiKeysError } from "../../src/core/errors.ts";
import { foreignKey, sha256Of } from "../../src/core/presented-key.ts";
import { createKey } from "../../src/keys/create.ts";
import { disableKey, enableKey } from "../../src/keys/disable.ts";
import { dropKeys } from "../../src/keys/drop-keys.ts";
import { importKeys } from "../../src/keys/import.ts";
import type { Keys } from "../../src/keys/keys.ts";
import type { Difference } from "../../src/keys/mend-user.ts";
import { retirePepper } from "../../src/keys/peppers.ts";
import { pruneKeys } from "../../src/keys/prune.ts";
import { reconcile } from "../../src/keys/reconcile.ts";
import { renameKey } from "../../src/keys/rename.ts";
import { revokeLeakedKeys } from "../../src/keys/revoke-leaked.ts";
import { revokeAllKeys, revokeKey } from "../../src/keys/revoke.ts";
import { cancelRotation, endOverlap, rotateKey } from "../../src/keys/rotate.ts";
import { createOrganizationKey } from "../../src/keys/service-user.ts";
import { takeOver } from "../../src/keys/take-over.ts";
import { transferKeys } from "../../src/keys/transfer.ts";
import {
  cancelled,
  disabled,
  enabled,
  overlapEnded,
  revoked,
  rotated,
  type KeyState,
  type Step,
} from "./key-model.ts";
import { OLDER_PEPPER, ORGANIZATION, type PauseWorld } from "./pause-world.ts";
import { ADA, GRACE } from "./stage.ts";

const HOUR = 3_600;

/** A key that was made or shown: alive from then on unless all are ended. */
export type Shown = string | undefined;

/** What a process does that may be held up, or overtake one that is. */
export interface Verb {
  readonly name: string;
  /** How often it is stopped at least, over all verbs that overtake it, in a whole run and in the sample. */
  readonly boundaries: readonly [whole: number, sample: number];
  readonly run: (keys: Keys, world: PauseWorld) => Promise<Shown>;
  /** What it does to the key that the world is about. */
  readonly step?: (secret: Shown) => Step;
  /** What the key must be for it. */
  readonly isRotated?: true;
  readonly isDisabled?: true;
  /** What becomes of all of Ada's keys, or of all keys. */
  readonly ends?: "all of Ada's" | "all";
  /** Whether it says "there already" of a key that was restored meanwhile, which is disabled then. */
  readonly takesRestored?: true;
  /** Whether somebody has the key already that it gives: it may have been ended right after. */
  readonly isHeldAlready?: true;
  /** Whether the key that it makes is not Ada's. */
  readonly isOfAnother?: true;
}

/** Looks at both stores, whole; gives what differs, or differed. */
export async function reconcileAll(keys: Keys, fix = true, restoreEntries = false) {
  const found: Difference[] = [];
  const options = { fix, restoreEntries, restoreMany: true };
  await reconcile(keys, { ...options, onDifference: (one) => void found.push(one) });
  return found;
}

const quiet = async (work: Promise<unknown>): Promise<undefined> => work.then(() => undefined);
const imported = `shop-${createHash("sha256").update("imported").digest("hex")}`;
/** The request that may come again, with the key that it makes each time. */
const repeated = ApiKey.generate("acme_live", (size) => new Uint8Array(size).fill(7));
let made = 0;

/** Every verb that writes. */
export const VERBS: readonly Verb[] = [
  {
    name: "create",
    boundaries: [185, 51],
    run: async (keys) => (await createKey(keys, ADA, { name: `made ${made++}` })).apiKey.reveal(),
  },
  {
    name: "create again",
    boundaries: [204, 55],
    run: async (keys) => {
      const minting = { apiKey: repeated, wasMade: false };
      const { apiKey, entry } = await createKey(keys, ADA, { name: "repeated" }, minting);
      // The entry says so where it was restored meanwhile, as one that is disabled.
      return entry.disabled_at === undefined ? apiKey.reveal() : undefined;
    },
  },
  {
    name: "create for an organization",
    boundaries: [395, 94],
    isOfAnother: true,
    run: async (keys) =>
      (await createOrganizationKey(keys, ORGANIZATION, { name: `made ${made++}` })).apiKey.reveal(),
  },
  {
    name: "rotate",
    boundaries: [191, 53],
    run: async (keys, { id }) => (await rotateKey(keys, ADA, id, { overlapSeconds: HOUR })).apiKey.reveal(),
    step: (secret) => rotated(secret, HOUR),
  },
  {
    name: "cancel",
    boundaries: [199, 55],
    isRotated: true,
    run: async (keys, { id }) => quiet(cancelRotation(keys, ADA, id)),
    step: () => cancelled,
  },
  {
    name: "end overlap",
    boundaries: [206, 56],
    isRotated: true,
    run: async (keys, { id }) => quiet(endOverlap(keys, ADA, id)),
    step: () => overlapEnded,
  },
  {
    name: "disable",
    boundaries: [190, 53],
    run: async (keys, { id }) => quiet(disableKey(keys, ADA, id)),
    step: () => disabled,
  },
  {
    name: "enable",
    boundaries: [199, 55],
    isDisabled: true,
    run: async (keys, { id }) => quiet(enableKey(keys, ADA, id)),
    step: () => enabled,
  },
  {
    name: "revoke",
    boundaries: [200, 56],
    run: async (keys, { id }) => quiet(revokeKey(keys, ADA, id, "leaked")),
    step: () => revoked,
  },
  {
    name: "revoke all",
    boundaries: [900, 219],
    ends: "all of Ada's",
    run: async (keys) => quiet(revokeAllKeys(keys, ADA, "leaked")),
    step: () => revoked,
  },
  {
    name: "revoke what leaked",
    boundaries: [220, 57],
    run: async (keys, { secrets }) => {
      const [leaked] = await revokeLeakedKeys(keys, `key: ${secrets[0]}`, "leaked");
      if (leaked?.outcome.startsWith("revoked")) return undefined;
      throw new ApiKeysError("key_not_found", `Not revoked: ${leaked?.outcome}.`, "");
    },
    step: () => revoked,
  },
  {
    name: "rename",
    boundaries: [199, 55],
    run: async (keys, { id }) => quiet(renameKey(keys, ADA, id, `renamed ${made++}`)),
  },
  { name: "prune", boundaries: [204, 54], run: async (keys) => quiet(pruneKeys(keys, ADA)) },
  {
    name: "transfer",
    isHeldAlready: true,
    boundaries: [253, 59],
    run: async (keys, { graces }) => {
      const transferred = await transferKeys(keys, GRACE, ADA);
      const living = transferred.filter(({ revoked_at }) => revoked_at === undefined);
      // What only Redis knew of comes disabled, for people to look at.
      for (const { id } of living) await enableKey(keys, ADA, id);
      return living.length > 0 ? graces : undefined;
    },
  },
  {
    name: "import",
    takesRestored: true,
    boundaries: [243, 59],
    run: async (keys) => {
      const line = { userId: ADA, key: foreignKey(sha256Of(imported)), request: { name: "imported" } };
      const [outcome] = await importKeys(keys, ADA, [line], { write: true, upgrade: false });
      if (outcome?.kind === "refused") throw outcome.error;
      return imported;
    },
  },
  { name: "reconcile", boundaries: [524, 94], run: async (keys) => quiet(reconcileAll(keys)) },
  {
    name: "reconcile and restore",
    boundaries: [578, 117],
    run: async (keys) => quiet(reconcileAll(keys, true, true)),
  },
  {
    name: "retire a pepper",
    boundaries: [452, 71],
    run: async (keys) => quiet(retirePepper(keys, OLDER_PEPPER)),
  },
  { name: "take over", boundaries: [380, 77], run: async (keys) => quiet(takeOver(keys, true)) },
  { name: "drop", boundaries: [524, 94], ends: "all", run: async (keys) => quiet(dropKeys(keys)) },
];

/** A verb, and what came of it: what it showed, or its error. */
export interface Ran {
  readonly verb: Verb;
  readonly outcome: Shown | ApiKeysError;
}

/** Whether a verb has said that it did its work. */
export const isDone = ({ outcome }: Ran): boolean => !(outcome instanceof ApiKeysError);

/** Every state that the key may be in: done is done, in some order, and what failed may have been done. */
export function statesAfter(start: KeyState, runs: readonly Ran[], nowSeconds: number): readonly KeyState[] {
  return [runs, runs.toReversed()].flatMap((order) => {
    let states: readonly KeyState[] = [start];
    for (const ran of order) {
      const { verb, outcome } = ran;
      const step = verb.step?.(outcome instanceof ApiKeysError ? undefined : outcome);
      if (!step) continue;
      const next = states.flatMap((state) => {
        const after = step(state, nowSeconds);
        // Twice the same at once: the second finds done what it was to do.
        if ("refused" in after) return runs.every((one) => one.verb === verb) ? [state] : [];
        return [after];
      });
      states = isDone(ran) ? next : [...states, ...next];
    }
    return states;
  });
}
