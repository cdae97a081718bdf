import type { Group } from "./mutant.ts";

const HELD_UP = ["test/faults/held-up.test.ts"];
const PAUSE = ["test/long/pause.test.ts"];
const LIFE = ["test/long/key-life.test.ts"];
const ENDING = ["test/faults/ending.test.ts"];
const CHAIN = ["test/e2e/passed-on.test.ts"];
const UNDOES = "undoes nothing that is done meanwhile";

/** Mutants of what holds when processes are held up, Redis is lost, or a token is passed on. */
export const PROOF: readonly Group[] = [
  [
    "src/keys/under-lock.ts",
    HELD_UP,
    [
      {
        name: "a profile that was written without the lock is not repaired",
        find: "if (error instanceof LockLost) await repairUser(keys, userId, error);",
        replace: "if (error instanceof LockLost) await repairUser;",
        only: UNDOES,
      },
      {
        name: "a profile that was written without the lock is not repaired, whatever the pair",
        find: "if (error instanceof LockLost) await repairUser(keys, userId, error);",
        replace: "if (error instanceof LockLost) await repairUser;",
        tests: PAUSE,
        only: "'rename' stopped",
      },
      {
        name: "a record conflict is nobody's",
        find: "if (conflict) throw new RecordConflict(conflict.held.keyId);",
        replace: "",
        only: "a tombstone, which needs no lock",
      },
    ],
  ],
  [
    "src/keys/revoke.ts",
    HELD_UP,
    [
      {
        name: "a tombstone waits for the lock",
        find: 'early: "before_the_lock"',
        replace: 'early: "under_the_lock"',
        only: "a revoked key is dead, which is told",
      },
      {
        name: "all keys are looked for once",
        find: "if (found.length === 0) return",
        replace: "return",
        tests: PAUSE,
        only: "'revoke all' stopped",
      },
    ],
  ],
  [
    "src/keys/repair-user.ts",
    HELD_UP,
    [
      {
        name: "a repair does not let ends win",
        find: "return withEndOf(entry, held.record);",
        replace: "return entry;",
        only: "an end that another has written wins",
      },
      {
        name: "a repair believes no record",
        find: "return { ...entryOfRecord(held.record), name: entry.name };",
        replace: "return withEndOf(entry, held.record);",
        only: UNDOES,
      },
      {
        name: "a repair forgets the keys that were made meanwhile",
        find: "const list = [...entries, ...added];",
        replace: "const list = entries;",
        only: UNDOES,
      },
      {
        name: "a repair brings dropped keys back",
        find: 'if (held?.kind === "missing" && wasDropped) return undefined;',
        replace: "",
        only: UNDOES,
      },
    ],
  ],
  [
    "src/keys/write-entries.ts",
    HELD_UP,
    [
      {
        name: "a record that was sealed anew counts as changed",
        find: 'return JSON.stringify(readableOf(found) ?? "");',
        replace: "return JSON.stringify(found);",
        only: UNDOES,
      },
    ],
  ],
  [
    "src/stores/change-texts.ts",
    HELD_UP,
    [
      {
        name: "records are written without the lock",
        find: 'const condition = fence ? `is:${fence.text}` : "any";',
        replace: 'const condition = "any";',
        only: "a record is written only while",
      },
    ],
  ],
  [
    "src/stores/redis-key-batches.ts",
    PAUSE,
    [
      {
        name: "records are written whatever is there",
        find: "return changeTexts(redis, texts, fence);",
        replace:
          'const there = await reach(redis.mget(texts.map(({ key }) => key))); return changeTexts(redis, texts.map((one, at) => ({ ...one, expected: there[at] ?? "" })), fence);',
        only: "'(rotate|enable|rename|cancel)' stopped",
      },
    ],
  ],
  [
    "src/stores/user-lock.ts",
    HELD_UP,
    [
      {
        name: "nobody looks whether the lock was still theirs",
        find: "return answer === 1 || (answer !== 0 && !wasPaused);",
        replace: "return true;",
        only: UNDOES,
      },
    ],
  ],
  [
    "src/keys/change.ts",
    HELD_UP,
    [
      {
        name: "an entry that is not found without the lock is believed",
        find: "    lease.noteProfileWrite(new Map());\n",
        replace: "",
        only: "what is moved meanwhile",
      },
      {
        name: "an ending does not fit into a full profile",
        find: "profile ? fitEntries(profile, changed, keys.nowSeconds(), keyId) : [];",
        replace: "changed;",
        tests: ENDING,
        only: "every key can still be ended",
      },
      {
        name: "an ending does not fit into a full profile, in a whole life",
        find: "profile ? fitEntries(profile, changed, keys.nowSeconds(), keyId) : [];",
        replace: "changed;",
        tests: LIFE,
        only: "full profiles",
      },
      {
        name: "a change does not know the tombstone",
        find: "const now = withEndOf(entry, record);",
        replace: "const now = entry;",
        tests: LIFE,
        only: "full profiles",
      },
    ],
  ],
  [
    "src/keys/rotate.ts",
    HELD_UP,
    [
      {
        name: "an overlap that began meanwhile is ended",
        find: "if (ended !== undefined && isOver) return entry;",
        replace: "",
        only: `'end overlap' ${UNDOES}`,
      },
    ],
  ],
  [
    "src/keys/create.ts",
    HELD_UP,
    [
      {
        name: "a key is shown that was disabled meanwhile",
        find: "if (isThere && isActive && ",
        replace: "if (isThere && ",
        only: `'create' ${UNDOES}`,
      },
    ],
  ],
  [
    "src/keys/import.ts",
    ["test/faults/import.test.ts"],
    [
      {
        name: "an import goes on after a drop",
        find: "    requireOurStore(keys),\n  ]);",
        replace: "  ]);",
        only: "a drop of all keys has overtaken",
      },
    ],
  ],
  [
    "src/core/actor.ts",
    CHAIN,
    [
      {
        name: "the chain of actors is not walked",
        find: "level = act;",
        replace: "level = undefined;",
        only: "after [1234] hops, to .its first API",
      },
    ],
  ],
  [
    "src/core/decide-login.ts",
    CHAIN,
    [
      {
        name: "a key is looked at where it is presented alone",
        find: 'refuseEnded(entry, secret === "previous", nowSeconds) ?? refuseUse(entry, use, deployment);',
        replace:
          'isFirst ? (refuseEnded(entry, secret === "previous", nowSeconds) ?? refuseUse(entry, use, deployment)) : undefined;',
        only: "a key that is .(revoked|disabled|expired|bound)",
      },
    ],
  ],
  [
    "src/core/refuse-use.ts",
    CHAIN,
    [
      {
        name: "an API that the key names is the deployment's",
        find: "if (!api || isReservedAudience(api.identifier) ||",
        replace: "if ((api ? isReservedAudience(api.identifier) : !key.aud?.includes(use.audience ?? '')) ||",
        only: "for an API that was removed too., after [01] hops, to .another of the tenant",
      },
    ],
  ],
];
