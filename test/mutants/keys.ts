import type { Group } from "./mutant.ts";

const CHANGE = ["test/faults/change.test.ts"];
const ENDING = ["test/faults/ending.test.ts"];
const FENCE = ["test/faults/fence.test.ts"];
const LIFE = ["test/cli/life.test.ts"];
const BUDGET = ["test/stores/management-budget.test.ts"];
const REPLIES = ["test/stores/replies.test.ts"];
const TRAPS = ["test/stores/upstash-traps.test.ts"];
const EXPORT = ["test/stores/user-export.test.ts"];
const LOCK = ["test/stores/user-lock.test.ts"];
const IMPORT = ["test/keys/import.test.ts"];
const TRANSFER = ["test/keys/transfer.test.ts"];
const PEPPER = ["test/cli/pepper.test.ts"];

/** Mutants of the operations on keys and of the stores. */
export const KEYS: readonly Group[] = [
  [
    "src/stores/request-level.ts",
    BUDGET,
    [
      {
        name: "a clock that is put back stops the budget",
        find: "const backMs = Math.max(0, this.#seenMs - nowMs);",
        replace: "const backMs = 0;",
        only: "put back by an hour",
      },
      {
        name: "a clock that is put back prolongs a refusal",
        find: "this.#blockedUntilMs -= backMs;",
        replace: "",
        only: "put back by an hour",
      },
      {
        name: "every limit is believed",
        find: " && size <= LARGEST_SIZE",
        replace: "",
        only: "no tenant has",
      },
      {
        name: "a bad answer about the limit lasts for ever",
        find: "Math.min(neededMs, untilAskedMs)",
        replace: "neededMs",
        only: "asked again after a minute",
      },
      {
        name: "all go through when an answer about the limit is old",
        find: "this.promised > 0 ? Infinity : ",
        replace: "",
        only: "asked again after a minute",
      },
      {
        name: "a limit that says nothing of itself is not waited for",
        find: "if (this.#isUnlimited) return blockedMs;",
        replace: "if (this.#isUnlimited) return 0;",
        only: "refuses every time",
      },
    ],
  ],
  [
    "src/stores/reach.ts",
    REPLIES,
    [
      {
        name: "a made-up list of texts is an empty store",
        find: "return reachAs(answer, (value) => areTexts(value, count));",
        replace: "return (await reach(answer)) as (string | null)[];",
        only: "the records of keys",
      },
      {
        name: "a SET that was not carried out is done",
        find: 'await reachAs(answer, (value) => value === "OK");',
        replace: "await reach(answer);",
        only: "a note of keys|whose trace",
      },
      {
        name: "what is no count is one",
        find: "Number.isSafeInteger(value) && Number(value) >= 0",
        replace: "true",
        only: "a count of requests|the end of a marker",
      },
    ],
  ],
  [
    "src/stores/redis-key-batches.ts",
    REPLIES,
    [
      {
        name: "a made-up page of ids is an empty store",
        find: 'Array.isArray(names) && names.every((one) => typeof one === "string")',
        replace: "true",
        only: "ids of all records|whether there are records",
      },
    ],
  ],
  [
    "src/stores/redis-key-store.ts",
    REPLIES,
    [
      {
        name: "a marker that was taken away comes back",
        find: 'if (marker !== "ours" && marker !== "unnamed") return false;',
        replace: "",
        only: "taken away",
      },
    ],
  ],
  [
    "src/stores/change-texts.ts",
    ENDING,
    [
      {
        name: "whatever answers the write of a tombstone, it is written",
        find: "Array.isArray(value) && value.length === changes.length && value.every(isOutcome)",
        replace: "true",
        only: "a reply of",
      },
      {
        name: "a lost lock is no reason not to have written",
        find: "if (answer === -1) throw new FenceLost();",
        replace: "if (answer === -1) return changes.map(() => true);",
        tests: FENCE,
        only: "^(enable|rotate)",
      },
      {
        name: "records are changed without a fence",
        find: 'const condition = fence ? `is:${fence.text}` : "any";',
        replace: 'const condition = "any";',
        tests: FENCE,
        only: "^rotate",
      },
    ],
  ],
  [
    "src/stores/key-record-reader.ts",
    TRAPS,
    [
      {
        name: "an answer of Redis may be endless",
        find: "if (text.length > 2 ** 24)",
        replace: "if (text.length > 2 ** 28)",
        only: "without an end",
      },
      {
        name: "redirects of Redis are followed",
        find: 'redirect: "manual",',
        replace: 'redirect: "follow",',
        tests: ["test/stores/redirects.test.ts"],
        only: "^the Action",
      },
      {
        name: "an answer of any length is one about a key",
        find: "answer.length === count && ",
        replace: "",
        only: "items|one item",
      },
    ],
  ],
  [
    "src/stores/user-export.ts",
    EXPORT,
    [
      {
        name: "a download may stall for ever",
        find: "await within(stalledAfterMs, reader.read())",
        replace: "await within(stalledAfterMs * 1_000, reader.read())",
        only: "stops in the middle",
      },
    ],
  ],
  [
    "src/stores/user-lock.ts",
    LOCK,
    [
      {
        name: "a lock is had though another has it",
        find: 'if ((await reach(redis.set(key, text, { nx: true, px: leaseMs }))) === "OK") return before;',
        replace: "await reach(redis.set(key, text, { nx: true, px: leaseMs })); return before;",
        only: "gives up on a holder",
      },
      {
        name: "a lease counts by one clock alone",
        find: "Math.max(clock.monotonicMs() - takenAt.monotonicMs, clock.wallMs() - takenAt.wallMs)",
        replace: "(clock.monotonicMs() - takenAt.monotonicMs)",
        only: "wall clock",
      },
      {
        name: "a lost lock is not told of",
        find: "if (!(await wasOurs(redis, fence, wasPaused)) && records) {",
        replace: "if (false) {",
        only: "taken away|another's by now",
      },
    ],
  ],
  [
    "src/stores/management-budget.ts",
    BUDGET,
    [
      {
        name: "each time that a request is refused it may wait as long again",
        find: "this.#take(kind, priority, 1, untilMs, mayWait)",
        replace: "this.#take(kind, priority, 1, this.#untilMs(priority), mayWait)",
        only: "refuses every time",
      },
    ],
  ],
  [
    "src/keys/drop-keys.ts",
    ["test/faults/drop-keys.test.ts"],
    [
      {
        name: "records of a user whose entries cannot be dropped stay",
        find: "await dropOf(run, userId, keyIds);",
        replace: "if (!run.skipped.has(userId)) await dropOf(run, userId, keyIds);",
        only: "not a list",
      },
    ],
  ],
  [
    "src/keys/change.ts",
    ENDING,
    [
      {
        name: "another user's key is ended by its id",
        find: "if (record?.sub !== userId) return held;",
        replace: "if (!record) return held;",
        only: "another user's key",
      },
      {
        name: "changes of records are not held to the lock",
        find: "await changeRecords(keys, [{ held, record: written }], fencing);",
        replace: "await changeRecords(keys, [{ held, record: written }], undefined);",
        tests: FENCE,
        only: "^(enable|rotate)",
      },
      {
        name: "a pause is not held to the lock",
        find: "isTombstone ? undefined : lease?.fence",
        replace: "undefined",
        tests: FENCE,
        only: "^disable",
      },
      {
        name: "a tombstone is overruled by its entry",
        find: "const now = withEndOf(entry, record);",
        replace: "const now = entry;",
        tests: LIFE,
        only: "^a tombstone always wins",
      },
      {
        name: "a rotation that failed leaves the new secret",
        find: "if (!isDeath && outcome.kind ===",
        replace: "if (false && outcome.kind ===",
        tests: CHANGE,
        only: "^.(enable|rotate|cancel a rotation). .* 403",
      },
      {
        name: "an ending that is half done is not told of",
        find: "throw attempt.ended && isLeft ? incomplete(attempt, error) : error;",
        replace: "throw error;",
        only: "^Auth0 at its limit",
      },
    ],
  ],
  [
    "src/keys/create.ts",
    FENCE,
    [
      {
        name: "a new key's record is not held to the lock",
        find: "record: recordOf(userId, entry) }], lease);",
        replace: "record: recordOf(userId, entry) }], undefined);",
        only: "^create",
      },
      {
        name: "a new key may have every name and scope",
        find: "const terms = termsOf(request, existing,",
        replace: "const terms = termsOf({ ...request, scope: undefined }, existing,",
        tests: ["test/cli/keys.test.ts"],
        only: "scope",
      },
    ],
  ],
  [
    "src/keys/disable.ts",
    LIFE,
    [
      {
        name: "enable brings a revoked key back",
        find: "isDeath: false,\n    decide(entry, nowSeconds) {\n      requireNotDead(entry, nowSeconds);",
        replace: "isDeath: false,\n    decide(entry, nowSeconds) {",
        only: "dead key stays dead|tombstone",
      },
      {
        name: "enable leaves the key off",
        find: "return enabled;",
        replace: "return entry;",
        only: "until it is enabled",
      },
    ],
  ],
  [
    "src/keys/rotate.ts",
    LIFE,
    [
      {
        name: "a dead key is rotated",
        find: "decide(entry, nowSeconds) {\n      requireNotDead(entry, nowSeconds);\n      if (minting",
        replace: "decide(entry, nowSeconds) {\n      if (minting",
        only: "dead key stays dead",
      },
      {
        name: "a rotation forgets the secret before the last",
        find: "if (isOverlapping(entry, nowSeconds)) throw underWay(entry);",
        replace: "",
        only: "one overlap at a time",
      },
      {
        name: "the end of an overlap ends nothing",
        find: "previous: { ...previous, exp: ENDED_SECONDS } };",
        replace: "previous };",
        only: "one overlap at a time",
      },
      {
        name: "a rotation has another overlap than was asked for",
        find: ": nowSeconds + overlapSeconds,",
        replace: ": nowSeconds + overlapSeconds + 1,",
        only: "to the second",
      },
    ],
  ],
  [
    "src/keys/revoke-leaked.ts",
    LIFE,
    [
      {
        name: "who has an id may end the key",
        find: "if (!record || !isSecretOf(keys, apiKey, record))",
        replace: "if (!record)",
        only: "id alone",
      },
      {
        name: "an escaped key is not found",
        find: "return unescaped === text ? text : `${text}\\n${unescaped}`;",
        replace: "return text;",
        only: "stdin finds a key",
      },
      {
        name: "a foreign key is found in a word of its own alone",
        find: "for (const word of words) for (const part of partsOf(word)) candidates.add(part);",
        replace: "",
        tests: IMPORT,
        only: "stands in a report",
      },
      {
        name: "a report in which nothing was found is a success",
        find: "return isOurs || foreignKeysIn(text, keys).length > 0;",
        replace: "return isOurs;",
        tests: IMPORT,
        only: "fails loudly",
      },
    ],
  ],
  [
    "src/keys/revoke.ts",
    ENDING,
    [
      {
        name: "keys that are made while all are revoked live on",
        find: "if (found.length === 0) return",
        replace: "return",
        only: "made while all are revoked",
      },
      {
        name: "revoke --all leaves what only a record is left of",
        find: ", ...recorded])];",
        replace: "])];",
        only: "finds the keys by their records",
      },
    ],
  ],
  [
    "src/keys/mend-user.ts",
    ENDING,
    [
      {
        name: "a user that was made anew gets the keys of the one before",
        find: "if (isOfAnother) {",
        replace: "if (false) {",
        only: "another one with the same id",
      },
      {
        name: "a user of unknown age gets keys back",
        find: "restoreEntries && profile.createdAtSeconds !== undefined",
        replace: "restoreEntries",
        only: "not told when it was made",
      },
    ],
  ],
  [
    "src/keys/prune.ts",
    ENDING,
    [
      {
        name: "records of a newer version never end",
        find: "const record = readableOf(one);",
        replace: 'const record = one.kind === "trusted" ? one.record : undefined;',
        only: "prune lets a record of a newer version end",
      },
      {
        name: "prune drops what ended a moment ago",
        find: "?? Infinity) < keptFromSeconds;",
        replace: "?? Infinity) < nowSeconds + 1;",
        tests: CHANGE,
        only: "keeps what died within the retention",
      },
    ],
  ],
  [
    "src/keys/import.ts",
    IMPORT,
    [
      {
        name: "keys are imported though the policy accepts none",
        find: "if (!keys.policy.acceptForeignKeys) {",
        replace: "if (false) {",
        only: "policy does not accept",
      },
      {
        name: "two users' imports give one key to both",
        find: "lost.add(one.keyId);",
        replace: "",
        only: "one key at the same moment",
      },
    ],
  ],
  [
    "src/keys/transfer.ts",
    TRANSFER,
    [
      {
        name: "keys are transferred to a user that is not linked",
        find: "if (!profile.linkedUserIds.includes(fromUserId)) throw notLinked(fromUserId, toUserId);",
        replace: "",
        only: "not linked",
      },
      {
        name: "the records of transferred keys stay the old user's",
        find: "record: recordOf(toUserId, entry),",
        replace: "record: recordOf(fromUserId, entry),",
        only: "^two users are linked",
      },
    ],
  ],
  [
    "src/keys/peppers.ts",
    PEPPER,
    [
      {
        name: "a pepper is retired that living keys need",
        find: "if (living > 0) {",
        replace: "if (false) {",
        only: "old one retired",
      },
      {
        name: "a pepper is retired that a record needs",
        find: "if (!despiteRecords) await refuseNeededByRecords(keys, version);",
        replace: "",
        only: "all that is left of a key",
      },
    ],
  ],
  [
    "src/keys/init.ts",
    PEPPER,
    [
      {
        name: "keys are made with a pepper that the Actions do not know",
        find: 'if (marker === "older_pepper") throw pepperNotDeployed(keys);',
        replace: "return;",
        only: "old one retired",
      },
    ],
  ],
];
