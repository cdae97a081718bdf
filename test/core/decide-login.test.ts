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
const entry: KeyEntry = { id: "4fJ2kQ9xZb1T", name: "ci", hash: "h", v: 1, iat: NOW - 10 };
const ours: LoginRequest = {
  protocol: "oauth2-token-exchange",
  subjectTokenType: "urn:acme:api-key",
  actorSub: "api-key|4fJ2kQ9xZb1T",
  audience: API,
  appMetadata: { api_keys: [entry] },
};
const withEntry = (changes: Partial<KeyEntry>) => ({ appMetadata: { api_keys: [{ ...entry, ...changes }] } });
const NEWER = {
  kind: "deny",
  keyId: entry.id,
  reason: "This API key was changed by a newer version of its software than the one that checks it.",
};
const OIDC = ["openid", "profile", "email", "address", "phone", "offline_access"];

it.each<[string, Partial<LoginRequest>, object]>([
  ["an ordinary login", { protocol: "oidc-basic-profile" }, { kind: "pass" }],
  ["a login without a protocol", { protocol: undefined }, { kind: "pass" }],
  ["an exchange of another type", { subjectTokenType: "urn:other" }, { kind: "pass" }],
  ["a key without scopes", {}, { kind: "narrow", removeScopes: [] }],
  [
    "a scoped key",
    withEntry({ scope: "read:things" }),
    { kind: "narrow", removeScopes: ["write:things", ...OIDC] },
  ],
  [
    "a key with the empty scope",
    withEntry({ scope: "" }),
    { kind: "narrow", removeScopes: ["read:things", "write:things", ...OIDC] },
  ],
  ["a key one second before its expiry", withEntry({ exp: NOW + 1 }), { kind: "narrow" }],
  ["a key at its expiry", withEntry({ exp: NOW }), { kind: "deny", reason: "This API key is expired." }],
  [
    "a revoked key, whatever Redis said",
    withEntry({ revoked_at: NOW - 1 }),
    { kind: "deny", reason: "This API key is revoked." },
  ],
  [
    "a key that no entry confirms",
    { appMetadata: {} },
    { kind: "deny", reason: "This API key is not known for this user." },
  ],
  ["a user without app_metadata", { appMetadata: undefined }, { kind: "deny" }],
  ["entries that are no list", { appMetadata: { api_keys: { id: entry.id } } }, { kind: "deny" }],
  ["a malformed entry", withEntry({ scope: 7 as unknown as string }), { kind: "deny" }],
  ["no actor", { actorSub: undefined }, { kind: "deny" }],
  ["another kind of actor", { actorSub: "auth0|ada" }, { kind: "deny" }],
  [
    "another deployment's actor with our type, also where our entries have its key",
    {
      actorSub: `api-key:billing|${entry.id}`,
      appMetadata: { api_keys: [entry], api_keys_billing: [entry] },
    },
    { kind: "deny", keyId: undefined, reason: "This API key is not known for this user." },
  ],
  [
    "another deployment's actor with its own type",
    { actorSub: `api-key:billing|${entry.id}`, subjectTokenType: "urn:acme:billing-key" },
    { kind: "pass" },
  ],
  ["our actor with another type", { subjectTokenType: "urn:acme:billing-key" }, { kind: "pass" }],
  [
    "another type without any actor",
    { subjectTokenType: "urn:other", actorSub: undefined },
    { kind: "pass" },
  ],
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
    const request = { ...ours, actorSub: actors[actor], appMetadata: { [fields[field]]: [entry] } };
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
      { kind: "deny", reason: "This API key is revoked." },
    ],
    ["an old entry of a newer version", both({ later: 1 }, {}), actors.own, NEWER],
    ["an own entry of a newer version", both({}, { later: 1 }), actors.own, NEWER],
    ["the fields in no object", [[entry]], actors.own, { kind: "deny" }],
  ])("while it takes over, %s: denied", (_, appMetadata, actorSub, expected) => {
    const request = { ...ours, actorSub, appMetadata };
    expect(decideLogin(request, { ...billing, takesOver: true }, NOW)).toMatchObject(expected);
  });
});

describe("scopes that the tenant's API has and the deployment does not name", () => {
  const OTHER = "https://other.acme.example";
  const apis = [
    { identifier: OTHER, scopes: [], otherScopes: ["read:others"] },
    { identifier: API, scopes: ["read:things", "write:things"], otherScopes: ["admin:things", "old:things"] },
  ];

  it.each<[string, string | undefined, string, readonly string[]]>([
    ["are taken from a key without scopes, and nothing else", undefined, API, ["admin:things", "old:things"]],
    ["are those of the API that is asked for", undefined, OTHER, ["read:others"]],
    [
      "are taken from a key that has one",
      "read:things old:things openid",
      API,
      ["write:things", "admin:things", "old:things", ...OIDC.filter((scope) => scope !== "openid")],
    ],
    [
      "are taken from a key without any scope",
      "",
      API,
      ["read:things", "write:things", "admin:things", "old:things", ...OIDC],
    ],
  ])("%s", (_, scope, audience, expected) => {
    const request = { ...ours, audience, ...withEntry(scope === undefined ? {} : { scope }) };
    const decision = decideLogin(request, { ...deployment, apis }, NOW);
    const removed = decision.kind === "narrow" ? decision.removeScopes : [];
    expect([...removed].toSorted()).toEqual([...expected].toSorted());
  });
});
