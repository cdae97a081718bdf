import { describe, expect, it } from "vitest";

import { decideLogin, type LoginRequest } from "../../src/core/decide-login.ts";
import type { DeployedDeployment } from "../../src/core/deployment.ts";
import type { KeyEntry } from "../../src/core/key-entry.ts";

const NOW = 1_800_000_000;
const API = "https://api.acme.example";
const deployment: DeployedDeployment = {
  tenant: "acme.eu.auth0.com",
  name: "api-keys",
  subjectTokenType: "urn:acme:api-key",
  keyPrefixes: ["acme_live"],
  apis: [{ identifier: API, scopes: ["read:things", "write:things"] }],
};
const entry: KeyEntry = { id: "4fJ2kQ9xZb1T", name: "ci", hash: "hash-one-and-more", v: 1, iat: NOW - 10 };
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
const TAG = "hash-one";
const acting = (sub: string) => ({ actor: { sub, tag: TAG } });
const ours: LoginRequest = {
  protocol: "oauth2-token-exchange",
  subjectTokenType: "urn:acme:api-key",
  ...acting("api-key|4fJ2kQ9xZb1T"),
  clientId: "cli",
  ip: "203.0.113.7",
  audience: API,
  organizationId: undefined,
  requestedScopes: ["read:things"],
  appMetadata: { api_keys: [entry] },
};
const withEntry = (changes: Partial<KeyEntry>) => ({ appMetadata: { api_keys: [{ ...entry, ...changes }] } });
const NEWER = {
  kind: "deny",
  keyId: entry.id,
  reason: "This API key was changed by a newer version of its software than the one that checks it.",
};
const UNKNOWN = { kind: "deny", keyId: undefined, reason: "This API key is not known for this user." };
const OIDC = ["openid", "profile", "email", "address", "phone", "offline_access"];

it.each<[string, Partial<LoginRequest>, object]>([
  [
    "an ordinary login",
    { protocol: "oidc-basic-profile", subjectTokenType: undefined, actor: undefined },
    { kind: "pass" },
  ],
  [
    "a login without a protocol",
    { protocol: undefined, subjectTokenType: undefined, actor: undefined },
    { kind: "pass" },
  ],
  ["an exchange of another type", { subjectTokenType: "urn:other", actor: undefined }, { kind: "pass" }],
  [
    "another deployment's exchange of before they had names: another type, our actor, no tag",
    { subjectTokenType: "urn:other", actor: { sub: "api-key|4fJ2kQ9xZb1T" }, appMetadata: {} },
    { kind: "pass" },
  ],
  ["the same with a tag", { subjectTokenType: "urn:other", appMetadata: {} }, { kind: "deny" }],
  [
    "the same, passed on",
    {
      subjectTokenType: "urn:other",
      actor: { sub: "api", act: { sub: "api-key|4fJ2kQ9xZb1T" } },
      appMetadata: {},
    },
    { kind: "deny" },
  ],
  [
    "the same without a type",
    { subjectTokenType: undefined, actor: { sub: "api-key|4fJ2kQ9xZb1T" }, appMetadata: {} },
    { kind: "deny" },
  ],
  [
    "an exchange that says neither type nor actor",
    { subjectTokenType: undefined, actor: undefined },
    UNKNOWN,
  ],
  [
    "our actor without a protocol",
    { protocol: undefined, ...withEntry({ revoked_at: 9 }) },
    { kind: "deny" },
  ],
  ["our actor with another protocol", { protocol: "oidc-basic-profile" }, { kind: "narrow" }],
  [
    "our actor without a type",
    { subjectTokenType: undefined, ...withEntry({ revoked_at: 9 }) },
    { kind: "deny" },
  ],
  ["our type without a protocol or an actor", { protocol: undefined, actor: undefined }, UNKNOWN],
  ["a key without scopes", {}, { kind: "narrow", removeScopes: [] }],
  [
    "a scoped key",
    withEntry({ scope: "read:things" }),
    { kind: "narrow", removeScopes: ["write:things", ...OIDC] },
  ],
  [
    "a key with the empty scope",
    withEntry({ scope: "" }),
    { kind: "deny", reason: "This API key does not have the scope: read:things." },
  ],
  ["a key one second before its expiry", withEntry({ exp: NOW + 1 }), { kind: "narrow" }],
  [
    "a key at its expiry",
    withEntry({ exp: NOW }),
    { kind: "deny", reason: "This API key expired at 2027-01-15T08:00:00Z." },
  ],
  [
    "a revoked key, whatever Redis said",
    withEntry({ revoked_at: NOW - 1 }),
    { kind: "deny", reason: "This API key was revoked at 2027-01-15T07:59:59Z." },
  ],
  [
    "a key that no entry confirms",
    { appMetadata: {} },
    { kind: "deny", reason: "This API key is not known for this user." },
  ],
  ["a user without app_metadata", { appMetadata: undefined }, { kind: "deny" }],
  ["entries that are no list", { appMetadata: { api_keys: { id: entry.id } } }, { kind: "deny" }],
  ["a malformed entry", withEntry({ scope: 7 as unknown as string }), { kind: "deny" }],
  ["no actor", { actor: undefined }, { kind: "deny" }],
  ["another kind of actor", acting("auth0|ada"), { kind: "deny" }],
  [
    "another deployment's actor with our type, also where our entries have its key",
    {
      ...acting(`api-key:billing|${entry.id}`),
      appMetadata: { api_keys: [entry], api_keys_billing: [entry] },
    },
    { kind: "deny", keyId: undefined, reason: "This API key is not known for this user." },
  ],
  [
    "another deployment's actor with its own type",
    { ...acting(`api-key:billing|${entry.id}`), subjectTokenType: "urn:acme:billing-key" },
    { kind: "pass" },
  ],
  ["our actor with another type", { subjectTokenType: "urn:acme:billing-key" }, { kind: "narrow" }],
  ["another type without any actor", { subjectTokenType: "urn:other", actor: undefined }, { kind: "pass" }],
  [
    "a key whose entry is in another deployment's field",
    { appMetadata: { api_keys_billing: [entry], "api_keys_api-keys": [entry] } },
    { kind: "deny", reason: "This API key is not known for this user." },
  ],
  ["an entry with a member that is not known", withEntry({ later: 1 } as object), NEWER],
  [
    "an entry with one inside its previous secret",
    withEntry({ previous: { hash: "p", v: 1, exp: NOW + 9, later: 1 } } as object),
    NEWER,
  ],
  [
    "an entry with one, which was revoked",
    withEntry({ later: 1, revoked_at: NOW - 1 } as object),
    { kind: "deny" },
  ],
  [
    "an entry with one, beside another of the same key",
    { appMetadata: { api_keys: [entry, { ...entry, later: 1 }] } },
    NEWER,
  ],
  [
    "an entry without one, beside one of another key",
    { appMetadata: { api_keys: [{ ...entry, id: "000000000000", later: 1 }, entry] } },
    { kind: "narrow", keyId: entry.id },
  ],
  ["an API whose scopes are not known", { audience: "https://other" }, { kind: "deny" }],
])("%s", (_, changes, expected) => {
  expect(decideLogin({ ...ours, ...changes }, deployment, NOW)).toMatchObject(expected);
});

const billing: DeployedDeployment = { ...deployment, name: "billing" };

describe("a deployment named billing, which takes over what was there before deployments had names, or does not", () => {
  const actors = { own: `api-key:billing|${entry.id}`, old: `api-key|${entry.id}` };
  const fields = { own: "api_keys_billing", old: "api_keys" };

  it.each<["own" | "old", "own" | "old", boolean, string]>([
    ["own", "own", true, "narrow"],
    ["own", "old", true, "narrow"],
    ["old", "own", true, "narrow"],
    ["old", "old", true, "narrow"],
    ["own", "own", false, "narrow"],
    ["own", "old", false, "deny"],
    ["old", "own", false, "deny"],
    ["old", "old", false, "deny"],
  ])("%s actor, %s field, takes over: %s → %s", (actor, field, takesOver, kind) => {
    const request = { ...ours, ...acting(actors[actor]), appMetadata: { [fields[field]]: [entry] } };
    const decision = decideLogin(request, { ...billing, takesOver }, NOW);
    expect(decision).toMatchObject({ kind });
    expect(decideLogin(request, { ...billing, ...(takesOver && { takesOver }) }, NOW)).toEqual(decision);
  });

  const both = (old: object, own: object) => ({
    api_keys: [{ ...entry, ...old }],
    api_keys_billing: [{ ...entry, ...own }],
  });
  it.each<[string, object, string, object]>([
    ["a third deployment's actor", both({}, {}), `api-key:other|${entry.id}`, { kind: "deny" }],
    ["a third deployment's field", { api_keys_other: [entry] }, actors.own, { kind: "deny" }],
    [
      "an entry that was changed since it was moved",
      both({}, { revoked_at: 1 }),
      actors.old,
      { kind: "deny", reason: "This API key was revoked at 1970-01-01T00:00:01Z." },
    ],
    ["an old entry of a newer version", both({ later: 1 }, {}), actors.own, NEWER],
    ["an own entry of a newer version", both({}, { later: 1 }), actors.own, NEWER],
    ["the fields in no object", [[entry]], actors.own, { kind: "deny" }],
  ])("while it takes over, %s: denied", (_, appMetadata, actorSub, expected) => {
    const request = { ...ours, ...acting(actorSub), appMetadata };
    expect(decideLogin(request, { ...billing, takesOver: true }, NOW)).toMatchObject(expected);
  });
});

it.each([[["openid"]], [["fly"]], [[]]])(
  "passed on, a key with scopes is refused where none of the API is named, but %j",
  (requestedScopes) => {
    const hop = { subjectTokenType: ACCESS_TOKEN, actor: { sub: "api", act: ours.actor }, requestedScopes };
    const of = (changes: Partial<KeyEntry>) =>
      decideLogin({ ...ours, ...hop, ...withEntry(changes) }, deployment, NOW).kind;
    expect([of({ scope: "read:things" }), of({})]).toEqual(["deny", "narrow"]);
  },
);

describe("scopes that the tenant's API has and the deployment does not name", () => {
  const OTHER = "https://other.acme.example";
  const apis = [
    { identifier: OTHER, scopes: [], otherScopes: ["read:others"] },
    { identifier: API, scopes: ["read:things", "write:things"], otherScopes: ["admin:things", "old:things"] },
  ];

  it.each<[string, string | undefined, string, readonly string[]]>([
    [
      "are taken from a key without scopes, and nothing else",
      undefined,
      API,
      ["admin:things", "old:things", "fly"],
    ],
    ["are those of the API that is asked for", undefined, OTHER, ["read:others", "read:things", "fly"]],
    [
      "are taken from a key that has one",
      "read:things old:things openid",
      API,
      ["write:things", "admin:things", "old:things", "fly", ...OIDC],
    ],
    [
      "are taken from a key without any scope",
      "",
      API,
      ["read:things", "write:things", "admin:things", "old:things", "fly", ...OIDC],
    ],
  ])("%s", (_, scope, audience, expected) => {
    const hop = {
      subjectTokenType: ACCESS_TOKEN,
      actor: { sub: "api-client", act: ours.actor },
      requestedScopes: ["read:things", "fly"],
    };
    const request = { ...ours, ...hop, audience, ...withEntry(scope === undefined ? {} : { scope }) };
    const decision = decideLogin(request, { ...deployment, apis }, NOW);
    const removed = decision.kind === "narrow" ? decision.removeScopes : [];
    expect([...removed].toSorted()).toEqual([...expected].toSorted());
  });
});

/** The key, passed on so many times: each hop is an actor around those before it. */
function passedOn(hops: number, key: unknown = ours.actor): unknown {
  return hops === 0 ? key : { sub: `api-client-${hops}`, act: passedOn(hops - 1, key) };
}
const later = (hops: number, changes: Partial<LoginRequest> = {}): LoginRequest => ({
  ...ours,
  subjectTokenType: ACCESS_TOKEN,
  actor: passedOn(hops),
  clientId: "api-client",
  ip: "198.51.100.1",
  ...changes,
});
const decide = (request: LoginRequest, changes: Partial<KeyEntry> = {}) =>
  decideLogin({ ...request, ...withEntry(changes) }, deployment, NOW);
const DENIED = { kind: "deny", keyId: entry.id };

describe.each([0, 1, 2, 3, 4])("a key that was passed on %i times", (hops) => {
  const first = hops === 0;
  it.each<[string, Partial<KeyEntry>, Partial<LoginRequest>, object]>([
    ["may be used", {}, {}, { kind: "narrow", keyId: entry.id, removeScopes: [] }],
    ["was revoked", { revoked_at: NOW }, {}, DENIED],
    ["is disabled", { disabled_at: NOW }, {}, DENIED],
    ["expires now", { exp: NOW }, {}, DENIED],
    ["is of another audience", { aud: ["https://billing"] }, {}, DENIED],
    ["is of this audience", { aud: [API] }, {}, { kind: "narrow" }],
    ["is of an organization, and the login of none", { org_id: "org_1" }, {}, DENIED],
    [
      "is of an organization, and the login of another",
      { org_id: "org_1" },
      { organizationId: "org_2" },
      DENIED,
    ],
    ["is of the login's organization", { org_id: "org_1" }, { organizationId: "org_1" }, { kind: "narrow" }],
    ["is of another client", { clients: ["gui"] }, {}, first ? DENIED : { kind: "narrow" }],
    ["is of another address", { ip: ["192.0.2.0/24"] }, {}, first ? DENIED : { kind: "narrow" }],
    ["is of an address that nobody told", { ip: ["192.0.2.0/24"] }, { ip: undefined }, { kind: "narrow" }],
    [
      "is scoped, and asks for what it does not have",
      { scope: "write:things" },
      {},
      first ? DENIED : { kind: "narrow" },
    ],
    ["is scoped, and asks for nothing", { scope: "read:things" }, { requestedScopes: [] }, DENIED],
    ["is unscoped, and asks for nothing", {}, { requestedScopes: [] }, { kind: "narrow" }],
    ["has another secret by now", { hash: "hash-two" }, {}, DENIED],
    [
      "has another secret by now, and the overlap lasts",
      { hash: "hash-two", previous: { hash: entry.hash, v: 1, exp: NOW + 1 } },
      {},
      { kind: "narrow" },
    ],
    [
      "has another secret by now, and the overlap ends",
      { hash: "hash-two", previous: { hash: entry.hash, v: 1, exp: NOW } },
      {},
      DENIED,
    ],
    [
      "has lost its tag",
      {},
      { actor: passedOn(hops, { sub: "api-key|4fJ2kQ9xZb1T" }) },
      first ? DENIED : { kind: "narrow" },
    ],
    [
      "has lost its tag, and was revoked",
      { revoked_at: NOW },
      { actor: passedOn(hops, { sub: "api-key|4fJ2kQ9xZb1T" }) },
      DENIED,
    ],
    [
      "has a tag that is none",
      {},
      { actor: passedOn(hops, { sub: "api-key|4fJ2kQ9xZb1T", tag: "" }) },
      DENIED,
    ],
    ["is nameless", {}, { actor: passedOn(hops, { sub: "api-key|", tag: TAG }) }, UNKNOWN],
    [
      "stands in the chain twice",
      {},
      { actor: passedOn(hops, { ...(ours.actor as object), act: ours.actor }) },
      DENIED,
    ],
    [
      "is another deployment's",
      {},
      { actor: passedOn(hops, { sub: `api-key:billing|${entry.id}` }) },
      { kind: "pass" },
    ],
  ])("%s", (_, changes, request, expected) => {
    const subjectTokenType = first ? undefined : ACCESS_TOKEN;
    const from = first ? { ...ours, subjectTokenType } : later(hops);
    const isOther = JSON.stringify(request.actor)?.includes("billing");
    const asked = { ...from, ...request, ...(isOther && { subjectTokenType: ACCESS_TOKEN }) };
    expect(decide(asked, changes)).toMatchObject(expected);
  });
});

it.each<[string, Partial<LoginRequest>, object]>([
  ["six levels deep is found", { actor: passedOn(5) }, { kind: "narrow", keyId: entry.id }],
  ["seven levels deep is refused", { actor: passedOn(6) }, { kind: "deny", keyId: undefined }],
  [
    "of our type is at its first hop at any depth",
    { actor: passedOn(2), subjectTokenType: "urn:acme:api-key" },
    DENIED,
  ],
  ["in a chain without another actor passes", { actor: { sub: "a", act: { sub: "b" } } }, { kind: "pass" }],
])("an actor %s", (_, changes, expected) => {
  const request = later(1, changes);
  expect(decide(request, { clients: ["cli"] })).toMatchObject(expected);
});

it.each<[boolean, string | undefined, object]>([
  [false, "read:things", { kind: "deny" }],
  [true, "read:things", { kind: "narrow", removeScopes: ["write:things"] }],
  [false, undefined, { kind: "narrow", removeScopes: [] }],
])("with the policy openid %s, a key of %s that asks for OpenID scopes", (openid, scope, expected) => {
  const request = { ...ours, requestedScopes: ["openid", "email", "read:things"] };
  const changes = withEntry(scope === undefined ? {} : { scope });
  expect(decideLogin({ ...request, ...changes }, { ...deployment, openid }, NOW)).toMatchObject(expected);
});

it.each([
  [true, "narrow"],
  [false, "deny"],
])("an actor without a tag, of a deployment named api-keys that takes over %s: %s", (takesOver, kind) => {
  const request = { ...ours, actor: { sub: `api-key|${entry.id}` } };
  expect(decideLogin(request, { ...deployment, takesOver }, NOW)).toMatchObject({ kind });
});
