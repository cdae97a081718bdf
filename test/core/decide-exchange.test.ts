import { randomBytes } from "node:crypto";

import { describe, expect, it, test } from "vitest";

import { ApiKey } from "../../src/core/api-key.ts";
import { decideExchange, type ExchangeRequest, type LookUp } from "../../src/core/decide-exchange.ts";
import { sealRecord, type KeyRecord } from "../../src/core/key-record.ts";
import { hashKey, parsePeppers } from "../../src/core/peppers.ts";
import { sealStoreMarker } from "../../src/core/store-marker.ts";
import { pepperOf } from "../support/stage.ts";

const NOW = 1_800_000_000;
const API = "https://api.acme.example";
const BILLING = "https://billing.acme.example";
const TYPE = "urn:acme:api-key";
const peppers = parsePeppers(`2:${pepperOf("two")} 1:${pepperOf("one")}`);
const stranger = parsePeppers(pepperOf("stranger"));
const deployment = {
  subjectTokenType: TYPE,
  keyPrefixes: ["acme_live", "acme_old"],
  apis: [
    { identifier: API, scopes: ["read:things", "write:things"] },
    { identifier: BILLING, scopes: ["read:bills"] },
  ],
};
const key = ApiKey.generate("acme_live", randomBytes);
const previousKey = ApiKey.generate("acme_live", randomBytes);
const other = ApiKey.generate("acme_live", randomBytes);
const request: ExchangeRequest = {
  subjectToken: key.reveal(),
  clientId: "cli",
  ip: "203.0.113.7",
  audience: API,
  organizationId: undefined,
  requestedScopes: ["read:things"],
};
const record: KeyRecord = {
  id: key.id,
  sub: "auth0|ada",
  hash: hashKey(key.reveal(), peppers.current),
  v: 2,
  iat: NOW - 10,
};
const marker = sealStoreMarker(TYPE, peppers);

function found(changes: Partial<KeyRecord> = {}): LookUp {
  return { kind: "answered", record: sealRecord({ ...record, ...changes }, peppers), marker };
}

async function decide(lookUp: LookUp, changes: Partial<ExchangeRequest> = {}, now = NOW) {
  return decideExchange({ ...request, ...changes }, deployment, peppers, async () => lookUp, now);
}

describe("grants", () => {
  it.each<[string, LookUp, Partial<ExchangeRequest>, object]>([
    [
      "a plain key",
      found(),
      {},
      { userId: "auth0|ada", actor: { sub: `api-key|${key.id}` }, cause: "granted" },
    ],
    ["a key one second before it expires", found({ exp: NOW + 1 }), {}, { userId: "auth0|ada" }],
    ["an allowed client", found({ clients: ["gui", "cli"] }), {}, {}],
    ["an allowed address", found({ ip: ["198.51.100.1", "203.0.113.0/24"] }), {}, {}],
    ["an IPv4 address written as IPv6", found({ ip: ["203.0.113.0/24"] }), { ip: "::ffff:203.0.113.7" }, {}],
    ["an allowed audience", found({ aud: [BILLING] }), { audience: BILLING, requestedScopes: [] }, {}],
    ["its organization, unasked", found({ org_id: "org_1" }), {}, { organizationId: "org_1" }],
    [
      "its organization, asked for",
      found({ org_id: "org_1" }),
      { organizationId: "org_1" },
      { organizationId: "org_1" },
    ],
    ["any organization, for an unbound key", found(), { organizationId: "org_2" }, {}],
    ["its scopes", found({ scope: "read:things" }), {}, {}],
    [
      "scopes of OpenID Connect, which post-login takes away",
      found({ scope: "" }),
      { requestedScopes: ["openid", "email"] },
      {},
    ],
    [
      "a hash under a retired pepper",
      found({ v: 1, hash: hashKey(key.reveal(), peppers.byVersion.get(1)!) }),
      {},
      {},
    ],
    [
      "the previous secret, until its overlap ends",
      found({
        hash: hashKey(other.reveal(), peppers.current),
        previous: { hash: hashKey(key.reveal(), peppers.current), v: 2, exp: NOW + 1 },
      }),
      {},
      { cause: "granted_previous_secret" },
    ],
  ])("%s", async (_, lookUp, changes, expected) => {
    expect(await decide(lookUp, changes)).toMatchObject({ kind: "grant", keyId: key.id, ...expected });
  });
});

const wrongHash = { hash: hashKey(other.reveal(), peppers.current) };
const INVALID = "Invalid API key.";

describe("refusals, in the order of the table", () => {
  it.each<[string, LookUp, Partial<ExchangeRequest>, object]>([
    [
      "no key",
      found(),
      { subjectToken: "hello" },
      { kind: "deny", code: "invalid_request", reason: INVALID, cause: "malformed" },
    ],
    [
      "a prefix of another deployment",
      found(),
      { subjectToken: ApiKey.generate("other", randomBytes).reveal() },
      { kind: "deny", code: "invalid_request", reason: INVALID, cause: "malformed" },
    ],
    [
      "an unreachable store",
      { kind: "unavailable" },
      {},
      { kind: "deny", code: "server_error", cause: "store_unavailable" },
    ],
    [
      "no store marker",
      { kind: "answered", record: null, marker: null },
      {},
      { kind: "deny", code: "server_error", cause: "store_unmarked" },
    ],
    [
      "no store marker, with a good record",
      { ...found(), marker: null } as LookUp,
      {},
      { kind: "deny", code: "server_error", cause: "store_unmarked" },
    ],
    [
      "the marker of another deployment",
      { ...found(), marker: sealStoreMarker("urn:other:key", peppers) } as LookUp,
      {},
      { kind: "deny", code: "server_error", cause: "store_foreign" },
    ],
    [
      "a forged marker",
      { ...found(), marker: sealStoreMarker(TYPE, stranger) } as LookUp,
      {},
      { kind: "deny", code: "server_error", cause: "store_foreign" },
    ],
    [
      "a record as marker",
      { ...found(), marker: sealRecord(record, peppers) } as LookUp,
      {},
      { kind: "deny", code: "server_error", cause: "store_foreign" },
    ],
    [
      "a forged record",
      { kind: "answered", record: sealRecord(record, stranger), marker },
      {},
      { kind: "deny", code: "server_error", cause: "record_untrusted" },
    ],
    [
      "another key's record in its place",
      found({ id: other.id }),
      {},
      { kind: "deny", code: "server_error", cause: "record_untrusted" },
    ],
    [
      "a record without a user",
      { kind: "answered", record: sealRecord({ ...record, sub: undefined } as never, peppers), marker },
      {},
      { kind: "deny", code: "server_error", cause: "record_untrusted" },
    ],
    [
      "the marker as record",
      { kind: "answered", record: marker, marker },
      {},
      { kind: "deny", code: "server_error", cause: "record_untrusted" },
    ],
    [
      "an unknown pepper",
      found({ v: 3 }),
      {},
      { kind: "deny", code: "server_error", cause: "pepper_unknown" },
    ],
    [
      "a revoked key of an unknown pepper, which cannot be checked any more",
      found({ v: 3, revoked_at: NOW }),
      {},
      { kind: "deny", code: "invalid_request", reason: INVALID, cause: "dead_under_retired_pepper" },
    ],
    [
      "an expired one",
      found({ v: 3, exp: NOW }),
      {},
      { kind: "deny", code: "invalid_request", reason: INVALID, cause: "dead_under_retired_pepper" },
    ],
    [
      "one that is disabled alone",
      found({ v: 3, disabled_at: NOW }),
      {},
      { kind: "deny", code: "server_error", cause: "pepper_unknown" },
    ],
    [
      "an unknown id",
      { kind: "answered", record: null, marker },
      {},
      { kind: "reject", reason: INVALID, cause: "unknown_key" },
    ],
    ["a wrong secret", found(wrongHash), {}, { kind: "reject", reason: INVALID, cause: "wrong_secret" }],
    [
      "a wrong secret of a revoked key",
      found({ ...wrongHash, revoked_at: NOW - 5 }),
      {},
      { kind: "reject", reason: INVALID, cause: "wrong_secret" },
    ],
    [
      "a revoked key",
      found({ revoked_at: NOW - 5, exp: NOW - 4 }),
      {},
      {
        kind: "deny",
        code: "invalid_request",
        reason: "This API key was revoked at 2027-01-15T07:59:55Z.",
        cause: "revoked",
      },
    ],
    [
      "a key at the moment of its expiry",
      found({ exp: NOW }),
      {},
      {
        kind: "deny",
        code: "invalid_request",
        reason: "This API key expired at 2027-01-15T08:00:00Z.",
        cause: "expired",
      },
    ],
    [
      "an expired key, before its client",
      found({ exp: NOW - 1, clients: [] }),
      {},
      { kind: "deny", code: "invalid_request", cause: "expired" },
    ],
    [
      "a client that is not allowed, before its address",
      found({ clients: ["gui"], ip: [] }),
      {},
      { kind: "deny", code: "unauthorized_client", cause: "client_not_allowed" },
    ],
    [
      "an address outside, before the audience",
      found({ ip: ["198.51.100.0/24"], aud: [] }),
      {},
      { kind: "deny", code: "invalid_request", cause: "ip_not_allowed" },
    ],
    [
      "no address",
      found({ ip: ["0.0.0.0/0"] }),
      { ip: undefined },
      { kind: "deny", cause: "ip_not_allowed" },
    ],
    [
      "an address that is none",
      found({ ip: ["0.0.0.0/0", "::/0"] }),
      { ip: "localhost" },
      { kind: "deny", cause: "ip_not_allowed" },
    ],
    [
      "an audience outside, before the organization",
      found({ aud: [BILLING], org_id: "org_1" }),
      { organizationId: "org_2" },
      { kind: "deny", code: "invalid_target", cause: "audience_not_allowed" },
    ],
    [
      "an API that is not the deployment's",
      found(),
      { audience: "https://tenant/api/v2/" },
      { kind: "deny", code: "invalid_target", cause: "audience_not_allowed" },
    ],
    [
      "no audience",
      found(),
      { audience: undefined },
      { kind: "deny", code: "invalid_target", cause: "audience_not_allowed" },
    ],
    [
      "another organization, before the scopes",
      found({ org_id: "org_1", scope: "" }),
      { organizationId: "org_2" },
      { kind: "deny", code: "invalid_request", cause: "organization_not_allowed" },
    ],
    [
      "a scope outside",
      found({ scope: "read:things" }),
      { requestedScopes: ["read:things", "write:things"] },
      {
        kind: "deny",
        code: "invalid_scope",
        reason: "This API key does not have the scope: write:things.",
        cause: "scope_not_allowed",
      },
    ],
    ["any scope, of a key without scopes", found({ scope: "" }), {}, { kind: "deny", code: "invalid_scope" }],
  ])("%s", async (_, lookUp, changes, expected) => {
    expect(await decide(lookUp, changes)).toMatchObject(expected);
  });

  it("of the previous secret, from the moment its overlap ends", async () => {
    const hash = hashKey(previousKey.reveal(), peppers.current);
    const lookUp = found({
      ...wrongHash,
      previous: { hash: hashKey(key.reveal(), peppers.current), v: 2, exp: NOW },
    });
    expect(await decide(lookUp)).toMatchObject({
      kind: "deny",
      code: "invalid_request",
      cause: "previous_secret_expired",
    });
    expect(await decide(found({ ...wrongHash, previous: { hash, v: 2, exp: NOW + 9 } }))).toMatchObject({
      kind: "reject",
    });
  });
});

test("names at most what an error_description may hold", async () => {
  const requestedScopes = ['evil"\\\n', "x".repeat(5_000)];
  const decision = await decide(found({ scope: "read:things" }), { requestedScopes });
  expect(decision).toMatchObject({ code: "invalid_scope" });
  const reason = "reason" in decision ? decision.reason : "";
  expect(reason.length).toBeLessThan(1024);
  expect(reason).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
});

test("asks the store once, and not at all for what fails offline", async () => {
  let lookUps = 0;
  const counting = async (): Promise<LookUp> => {
    lookUps++;
    return found();
  };
  await decideExchange(request, deployment, peppers, counting, NOW);
  expect(lookUps).toBe(1);
  const mistyped = `${key.reveal().slice(0, -1)}${key.reveal().endsWith("0") ? "1" : "0"}`;
  for (const subjectToken of ["", "x", mistyped, ` ${key.reveal()}`, `${key.reveal()}\n`]) {
    await decideExchange({ ...request, subjectToken }, deployment, peppers, counting, NOW);
  }
  expect(lookUps).toBe(1);
});
