import type { Group } from "./mutant.ts";

const EXCHANGE = ["test/core/decide-exchange.test.ts"];
const LOGIN = ["test/core/decide-login.test.ts"];

/** Mutants of the decisions. */
export const CORE: readonly Group[] = [
  [
    "src/core/decide-exchange.ts",
    EXCHANGE,
    [
      {
        name: "a key with an actor_token is exchanged",
        find: "if (request.hasActorToken) {",
        replace: "if (false) {",
        only: "actor_token",
      },
      {
        name: "a key is exchanged though the store has no marker",
        find: 'if (marker === "missing") return ourFault("store_unmarked");',
        replace: "",
        only: "no store marker",
      },
      {
        name: "a key is exchanged from another deployment's store",
        find: 'if (marker === "foreign") return ourFault("store_foreign");',
        replace: "",
        only: "marker",
      },
      {
        name: "a record of a newer version is no record",
        find: 'opened.kind === "untrusted" || opened.kind === "newer"',
        replace: 'opened.kind === "untrusted"',
        only: "a record of a later form",
      },
      {
        name: "any secret is the key's",
        find: "if (!isCurrent && !isPrevious) {",
        replace: "if (false) {",
        only: "a wrong secret",
      },
      {
        name: "a caller without an address is not asked for one",
        find: 'const { ip = "",',
        replace: "const { ip,",
        only: "no address",
      },
      {
        name: "the exchange takes the key's organization for the one that was asked for",
        find: "{ ...request, ip, organizationId },",
        replace: "{ ...request, ip, organizationId: record.org_id },",
        only: "another organization",
      },
      {
        name: "the exchange does not look at the key's end",
        find: "refuseEnded(record, isPrevious, nowSeconds) ??",
        replace: "",
        only: "expir|revoked",
      },
      {
        name: "a key made by a clock that is ahead is guessed at",
        find: "isWithin(iat - JUST_NOW_SECONDS, iat)",
        replace: "isWithin(iat, iat)",
        only: "seconds ahead",
      },
    ],
  ],
  [
    "src/core/refuse-use.ts",
    EXCHANGE,
    [
      {
        name: "the previous secret works for ever",
        find: "if (!isPrevious || isOverlapping(key, nowSeconds)) return undefined;",
        replace: "if (isPrevious || !isPrevious) return undefined;",
        only: "previous secret, from the moment",
      },
      {
        name: "any client may use a key",
        find: "key.clients?.includes(use.clientId) === false",
        replace: "false",
        only: "client",
      },
      {
        name: "a key may be used from anywhere",
        find: "key.ip && !isInIpRanges(use.ip, key.ip)",
        replace: "false",
        only: "address",
      },
      {
        name: "a key is for every API of the deployment",
        find: "|| key.aud?.includes(api.identifier) === false",
        replace: "",
        only: "audience",
      },
      {
        name: "a key of an organization is for every other",
        find: "if (key.org_id !== undefined && use.organizationId !== key.org_id) {",
        replace: "if (false) {",
        only: "organization",
      },
      {
        name: "a key has every scope of its API",
        find: "scope === undefined ? api.scopes : scopesOf(scope).filter((one) => api.scopes.includes(one));",
        replace: "api.scopes;",
        only: "scope",
      },
      {
        name: "a key with scopes has those of OpenID Connect",
        find: "const mayHaveOidc = scope === undefined || openid;",
        replace: "const mayHaveOidc = true;",
        tests: [...EXCHANGE, ...LOGIN],
        only: "OpenID|openid|policy",
      },
    ],
  ],
  [
    "src/core/decide-login.ts",
    LOGIN,
    [
      {
        name: "an exchange that says nothing of itself passes",
        find: "return isOurType || isNameless ?",
        replace: "return isOurType ?",
      },
      {
        name: "post-login takes any secret for the key's",
        find: 'if (secret === "other") return',
        replace: "if (false) return",
      },
      {
        name: "a second actor of the deployment passes",
        find: " || others.length > 0)",
        replace: ")",
      },
      {
        name: "post-login asks for no client",
        find: 'clientId: isFirst ? (request.clientId ?? "") : undefined,',
        replace: "clientId: undefined,",
      },
      {
        name: "an API that asks for nothing gets all",
        find: "        : [],",
        replace: "        : undefined,",
      },
      {
        name: "post-login does not look at the key's end",
        find: 'refuseEnded(entry, secret === "previous", nowSeconds) ?? ',
        replace: "",
      },
      {
        name: "an entry of a newer version is not known, in other words",
        find: "if (newer.some(({ id }) => id === keyId)) {",
        replace: "if (false) {",
      },
    ],
  ],
  [
    "src/core/actor.ts",
    ["test/core/actor.test.ts", ...LOGIN],
    [
      {
        name: "a chain of actors is read however long it is",
        find: "if (depth === MAX_LEVELS) return undefined;",
        replace: "",
      },
      {
        name: "a tag is of every secret",
        find: 'return tag.split(".").some(',
        replace: 'return tag !== "" || tag.split(".").some(',
      },
      {
        name: "an actor's key id is anything",
        find: "return isKeyId(keyId) ? keyId : undefined;",
        replace: "return keyId;",
      },
    ],
  ],
  [
    "src/core/narrow-scopes.ts",
    LOGIN,
    [
      {
        name: "scopes that a key lacks stay in its token",
        find: "scope === undefined ? scopes : scopesOf(scope).filter((one) => scopes.includes(one))",
        replace: "scopes",
      },
      {
        name: "scopes that the deployment does not name stay in tokens",
        find: "...otherScopes, ...requestedScopes",
        replace: "...requestedScopes",
      },
      {
        name: "what cannot be narrowed is granted",
        find: "if (!api) return undefined;",
        replace: "if (!api) return [];",
        tests: ["test/core/narrow-scopes.test.ts"],
      },
    ],
  ],
  [
    "src/core/sealed-json.ts",
    ["test/core/peppers.test.ts"],
    [
      {
        name: "a seal is not looked at",
        find: "if (isEqual(seal, sealOf(text, pepper))) {",
        replace: "if (text !== '') {",
      },
      {
        name: "a later form is not told from an altered one",
        find: 'if (NEWER.test(sealed)) return { kind: "newer" };',
        replace: "",
      },
    ],
  ],
  [
    "src/core/store-marker.ts",
    ["test/core/store-marker.test.ts"],
    [
      {
        name: "a marker that was right once is right whatever it says now",
        find: " && isEqual(last.sealed, sealed)",
        replace: "",
        only: "^a marker that is altered",
      },
      {
        name: "a marker of another tenant is ours",
        find: "if (tenant !== of.tenant || deployment !== of.name)",
        replace: "if (deployment !== of.name)",
      },
      {
        name: "a marker from before deployments had names is everybody's",
        find: 'return store === of.subjectTokenType ? "unnamed" : "foreign";',
        replace: 'return "unnamed";',
      },
    ],
  ],
  [
    "src/core/key-record.ts",
    EXCHANGE,
    [
      {
        name: "a record stands for any key",
        find: ' || json["id"] !== keyId',
        replace: "",
        only: "another key's record",
      },
      {
        name: "members that are not known restrict nothing",
        find: 'return hasUnknownMembers(record, ["sub"]) ?',
        replace: "return false ?",
        only: "member|previous secret",
      },
    ],
  ],
  [
    "src/core/key-entry.ts",
    ["test/core/key-entry.test.ts", ...EXCHANGE],
    [
      {
        name: "a key may lack its secret's hash",
        find: "required.every((name) => value[name] !== undefined) &&",
        replace: "",
        only: "no |without",
      },
      {
        name: "a key works at the moment of its end",
        find: "nowSeconds >= key.exp",
        replace: "nowSeconds > key.exp",
        only: "expire|expiry",
      },
    ],
  ],
  [
    "src/core/moments.ts",
    ["test/core/moments.test.ts"],
    [
      {
        name: "an answer is believed for an hour after the clock was put back",
        find: " && leftSeconds <= this.#keptSeconds",
        replace: "",
      },
    ],
  ],
  [
    "src/core/key-format.ts",
    ["test/core/leak-search.test.ts"],
    [
      {
        name: "a cut key hides the whole one that is glued to it",
        find: "`(?=(${keyPattern()}))`",
        replace: "`(${keyPattern()})`",
        only: "glued",
      },
    ],
  ],
  [
    "src/core/policy.ts",
    ["test/core/policy.test.ts"],
    [
      {
        name: "a rotated key outlives the policy's maximum",
        find: "daysFromNow(policy.maxLifetimeDays),\n  );",
        replace: "Infinity,\n  );",
        only: "rotated",
      },
      {
        name: "ended keys do not count towards the limit, and living ones neither",
        find: "if (living.length >= policy.maxKeysPerUser) {",
        replace: "if (false) {",
        only: "limit",
      },
      {
        name: "a new key may live for ever",
        find: "if (policy.allowNoExpiry) return undefined;",
        replace: "return undefined;",
        only: "expiry",
      },
    ],
  ],
  [
    "src/core/plan-import.ts",
    ["test/core/plan-import.test.ts"],
    [
      {
        name: "an import gives another user's key away",
        find: 'if (found.kind === "trusted" && found.record.sub !== userId) throw taken(key.id);',
        replace: "",
      },
      {
        name: "an import brings back a key that was revoked",
        find: "refuseDead(key.id, entry, found);",
        replace: "",
      },
      {
        name: "a key is imported for an organization that its user is no member of",
        find: "if (terms.org_id !== undefined && organizationIds)",
        replace: "if (false)",
        tests: ["test/keys/import.test.ts"],
        only: "no member",
      },
    ],
  ],
  [
    "src/core/compare-key.ts",
    ["test/core/compare-key.test.ts"],
    [
      {
        name: "a restored key lives",
        find: "{ disabled_at: restoredAtSeconds, ...entryOfRecord(found.record) }",
        replace: "entryOfRecord(found.record)",
      },
      {
        name: "an end in the record is not written to the entry",
        find: "if (record.revoked_at !== undefined && entry.revoked_at === undefined)",
        replace: "if (false)",
      },
    ],
  ],
  [
    "src/core/redis-scripts.ts",
    ["test/contracts/redis-rest.test.ts"],
    [
      {
        name: "the script writes though the lock is another's",
        find: "then return -1 end",
        replace: "then end",
        only: "write nothing once the fence is gone",
      },
      {
        name: "the script writes whatever stands there",
        find: "if held ~= expected then",
        replace: "if false then",
        only: "write what still is what was read",
      },
      {
        name: "the script takes a lock away that is another's",
        find: "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end",
        replace: "",
        only: "release a lock",
      },
    ],
  ],
  [
    "src/core/peppers.ts",
    ["test/core/constant-time.test.ts"],
    [
      {
        name: "seals are compared letter by letter",
        find: "return a.length === b.length && timingSafeEqual(a, b);",
        replace: "return one === other;",
      },
    ],
  ],
];
