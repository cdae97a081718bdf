import { expect, it } from "vitest";

import { decideLogin, type LoginRequest } from "../../src/core/decide-login.ts";
import type { KeyEntry } from "../../src/core/key-entry.ts";

const NOW = 1_800_000_000;
const API = "https://api.acme.example";
const deployment = {
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
  ["an API whose scopes are not known", { audience: "https://other" }, { kind: "deny" }],
])("%s", (_, changes, expected) => {
  expect(decideLogin({ ...ours, ...changes }, deployment, NOW)).toMatchObject(expected);
});
