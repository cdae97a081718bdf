import type { Group } from "./mutant.ts";

const ATTACKS = ["test/self-service/attacks.test.ts"];
const ENDING = ["test/self-service/ending.test.ts"];
const RIGHTS = ["test/self-service/rights.test.ts"];
const OPTIONS = ["test/self-service/options.test.ts"];

/** Mutants of self-service. */
export const SELF_SERVICE: readonly Group[] = [
  [
    "src/self-service/authenticate.ts",
    ATTACKS,
    [
      {
        name: "self-service takes a token for another API",
        find: "        audience: rules.audience,\n",
        replace: "",
        only: "GET /scopes every token that is not valid",
      },
      {
        name: "self-service takes another issuer's token",
        find: "        issuer: rules.issuer,\n",
        replace: "",
        only: "another issuer's token is refused",
      },
      {
        name: "self-service takes every algorithm of the issuer's key",
        find: '        algorithms: ["RS256"],\n',
        replace: "",
        only: "only RS256 is taken",
      },
      {
        name: "a token that came from an API key manages API keys",
        find: 'if ("act" in payload) throw new Problem("key_derived_token");',
        replace: "",
        only: "POST /api-keys a token that came from an API key",
      },
      {
        name: "a token of a machine manages API keys",
        find: 'if (isMachine || userId === "") throw',
        replace: 'if (userId === "") throw',
        only: "a machine is refused by its token alone",
      },
      {
        name: "no scope is asked for",
        find: "if (caller.scopes.has(scope)) return;",
        replace: "if (caller.scopes.size > 0) return;",
        only: "PATCH /api-keys/\\{id\\} a token without the scope",
      },
      {
        name: "a token that does not tell its login is a recent one",
        find: "caller.loggedInAtSeconds ?? Number.NEGATIVE_INFINITY",
        replace: "caller.loggedInAtSeconds ?? nowSeconds",
        tests: ["test/self-service/recent-login.test.ts"],
      },
      {
        name: "a login in the future is recent",
        find: "if (isRecent && ageSeconds >= -CLOCK_TOLERANCE_SECONDS) return;",
        replace: "if (isRecent) return;",
        tests: ["test/self-service/recent-login.test.ts"],
      },
    ],
  ],
  [
    "src/self-service/self-service.ts",
    ENDING,
    [
      {
        name: "a token of an organization sees the user's other keys",
        find: "return all.filter((entry) => isVisible(caller, entry));",
        replace: "return all;",
        tests: ATTACKS,
        only: "^GET /api-keys/\\{id\\}: a key of another user",
      },
      {
        name: "who owns a record is not asked when a key is ended",
        find: "record?.sub === caller.userId && isVisible(caller, record)",
        replace: "record !== undefined && isVisible(caller, record)",
        only: "no other user can revoke",
      },
      {
        name: "a token of an organization ends keys of another one",
        find: "record?.sub === caller.userId && isVisible(caller, record)",
        replace: "record?.sub === caller.userId",
        only: "no other user can revoke",
      },
      {
        name: "a key is ended only if its entry is there",
        find: "if (!isCallers) await keyToChange",
        replace: "await keyToChange",
        only: "its user can revoke",
      },
      {
        name: "an ending waits for the rate limit before it begins",
        find: 'service.budget.run("ending", 0,',
        replace: 'service.budget.run("ending", 2,',
        only: "used up: revoke",
      },
      {
        name: "an ending that is incomplete is not told as such",
        find: 'isIncomplete ? new Problem("ending_incomplete", { cause: error }) : error',
        replace: "error",
        only: "used up: switch off ends",
      },
      {
        name: "the keys of an organization are managed without the permission",
        find: "permission !== undefined && permissions.has(permission)",
        replace: "permission !== undefined",
        tests: ["test/self-service/organizations.test.ts"],
        only: "is refused without the permission",
      },
      {
        name: "where nobody was told to, everybody with a permission manages the keys of an organization",
        find: "permission !== undefined && permissions.has(permission)",
        replace: "permission === undefined || permissions.has(permission)",
        tests: ["test/self-service/organizations.test.ts"],
        only: "is refused where nobody was told",
      },
    ],
  ],
  [
    "src/self-service/change-routes.ts",
    RIGHTS,
    [
      {
        name: "a key is switched on without a recent login",
        find: "if (disabled === false) requireRecentLogin(",
        replace: "if (disabled === undefined) requireRecentLogin(",
        only: "where a recent login is demanded",
      },
      {
        name: "a name that is refused keeps a key on",
        find: "if (name !== undefined) changes.push(async () => renameKey(keys, userId, id, name));",
        replace: "if (name !== undefined) await renameKey(keys, userId, id, name);",
        tests: ENDING,
        only: "switched off with a name that is taken",
      },
    ],
  ],
  [
    "src/self-service/grants.ts",
    RIGHTS,
    [
      {
        name: "an API whose tokens list permissions is offered",
        find: "if (!rules || rules.addsPermissions) return undefined;",
        replace: "if (!rules) return undefined;",
        only: "an API whose tokens list permissions",
      },
      {
        name: "with RBAC every scope is offered",
        find: "own?.has(scope) ?? true",
        replace: "true",
        only: "with RBAC, a user may give",
      },
      {
        name: "scopes that are not the user's are taken",
        find: "const missing = asked.scopes.filter((scope) => !values.has(scope));",
        replace: "const missing: string[] = [];",
        only: "with RBAC, a user may give",
      },
      {
        name: "a key is bound to an organization of others",
        find: "if (organization !== undefined && !isMember) {",
        replace: "if (organization === '') {",
        only: "a user binds keys to organizations of the user's own",
      },
      {
        name: "a token of one organization binds keys to another",
        find: "organizationId === null ? organizations : [own ?? { id: organizationId, name: null }]",
        replace: "organizations",
        only: "a user binds keys to organizations of the user's own",
      },
      {
        name: "a token of an organization proves no membership",
        find: "[own ?? { id: organizationId, name: null }]",
        replace: "own ? [own] : []",
        only: "a member of more organizations than Auth0 lists",
      },
      {
        name: "a list that was cut refuses whom it does not name",
        find: "hasMoreOrganizations: organizationId === null && isCut,",
        replace: "hasMoreOrganizations: false,",
        only: "a member of more organizations than Auth0 lists",
      },
    ],
  ],
  [
    "src/self-service/idempotency.ts",
    ["test/self-service/idempotency.test.ts"],
    [
      {
        name: "an Idempotency-Key is shared by all users",
        find: "const name = JSON.stringify([userId, idempotencyKey]);",
        replace: "const name = JSON.stringify([idempotencyKey]);",
        only: "shows another user another key",
      },
      {
        name: "another body is the same request",
        find: 'keyId ?? "", JSON.stringify(body)];',
        replace: 'keyId ?? ""];',
        only: "the same Idempotency-Key with another-scope",
      },
      {
        name: "an answer is shown again for ever",
        find: "if (nowSeconds >= claim.at + WINDOW_SECONDS)",
        replace: "if (nowSeconds >= claim.at + 2 * WINDOW_SECONDS)",
        only: "after an hour the answer is not given again",
      },
    ],
  ],
  [
    "src/self-service/rate-limit.ts",
    RIGHTS,
    [
      {
        name: "nobody's requests are counted",
        find: "if (!isOver) return;",
        replace: "return;",
        only: "a user's requests are counted",
      },
      {
        name: "all users are counted as one",
        find: "`${kind}:${window}:${personId}`",
        replace: "`${kind}:${window}`",
        only: "a user's requests are counted",
      },
    ],
  ],
  [
    "src/self-service/handler.ts",
    OPTIONS,
    [
      {
        name: "origins that no browser sends are taken",
        find: "corsOrigins: optional(ORIGINS)",
        replace: "corsOrigins: optional(TEXTS)",
        only: "wrong corsOrigins",
      },
      {
        name: "a list passes for a path",
        find: 'typeof value === "string" && value.startsWith("/")',
        replace: 'String(value).startsWith("/")',
        only: "wrong basePath",
      },
      {
        name: "who may read keys may change them",
        find: "isChange(c.req) ? WRITE : READ",
        replace: "READ",
        tests: ATTACKS,
        only: "^POST /api-keys/\\{id\\}/rotate a token without the scope",
      },
      {
        name: "options of the handler are not checked",
        find: 'checkOptions("createApiKeysHandler", options, RULES);',
        replace: "",
        only: "wrong audience",
      },
      {
        name: "the administrator's place is taken by a member",
        find: "asOrganization(c.var.caller, options.organizationKeys?.permission, stores.keys)",
        replace: "({ ...c.var.caller, userId: `auth0|api-keys-${c.var.caller.organizationId}` })",
        tests: ["test/self-service/organizations.test.ts"],
        only: "is refused without the permission",
      },
    ],
  ],
  [
    "src/self-service/open-stores.ts",
    OPTIONS,
    [
      {
        name: "a policy without a limit of keys is taken",
        find: "    maxKeysPerUser: COUNT,\n",
        replace: "    maxKeysPerUser: { ...COUNT, test: () => true },\n",
        only: "maxKeysPerUser of the configuration",
      },
      {
        name: "no prefix at all is taken",
        find: "keyPrefixes: FILLED_TEXTS,",
        replace: "keyPrefixes: TEXTS,",
        only: "keyPrefixes of the configuration",
      },
    ],
  ],
  [
    "src/self-service/present.ts",
    ["test/self-service/hint.test.ts"],
    [
      {
        name: "an imported key is said to begin like ours",
        find: "entry.prefix === undefined ? null : `${entry.prefix}_${entry.id}…`",
        replace: "`${entry.prefix ?? deployment.keyPrefixes[0]}_${entry.id}…`",
        only: "whose beginning is not known",
      },
    ],
  ],
  [
    "src/core/fit-entries.ts",
    ["test/self-service/hint.test.ts"],
    [
      {
        name: "an ended key forgets what it began with",
        find: "    ...(prefix !== undefined && { prefix }),\n",
        replace: "",
        only: "an ended key that gave way",
      },
    ],
  ],
  [
    "src/stores/management-budget.ts",
    ["test/stores/management-budget.test.ts"],
    [
      {
        name: "changes do not wait for endings",
        find: '  change: ["ending"],',
        replace: "  change: [],",
        only: "would have room sooner",
      },
      {
        name: "reads do not wait for changes",
        find: '  read: ["ending", "change"],',
        replace: '  read: ["ending"],',
        only: "would have room sooner",
      },
    ],
  ],
];
