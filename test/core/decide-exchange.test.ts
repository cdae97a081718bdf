import { randomBytes } from "node:crypto";

import { describe, expect, it, test } from "vitest";

import { ApiKey } from "../../src/core/api-key.ts";
import { decideExchange, type ExchangeRequest, type LookUp } from "../../src/core/decide-exchange.ts";
import type { DeployedDeployment } from "../../src/core/deployment.ts";
import { sealRecord, type KeyRecord } from "../../src/core/key-record.ts";
import { hashKey, parsePeppers } from "../../src/core/peppers.ts";
import { readPresentedKey } from "../../src/core/presented-key.ts";
import { sealStoreMarker, sealUnnamedMarker } from "../../src/core/store-marker.ts";
import { pepperOf } from "../support/stage.ts";

const NOW = 1_800_000_000;
const API = "https://api.acme.example";
const BILLING = "https://billing.acme.example";
const peppers = parsePeppers(`2:${pepperOf("two")} 1:${pepperOf("one")}`);
const stranger = parsePeppers(pepperOf("stranger"));
const deployment = {
  tenant: "acme.eu.auth0.com",
  name: "api-keys",
  subjectTokenType: "urn:acme:api-key",
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
  iat: NOW - 60,
};
const marker = sealStoreMarker(deployment, peppers);

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
    ["every scope of the API", found(), { requestedScopes: ["read:things", "write:things"] }, {}],
    [
      "the marker of our type, from before deployments had names",
      { ...found(), marker: sealUnnamedMarker("urn:acme:api-key", peppers) } as LookUp,
      {},
      {},
    ],
    ["scopes of OpenID Connect, of an unscoped key", found(), { requestedScopes: ["openid", "email"] }, {}],
    ["no scope, of an unscoped key", found(), { requestedScopes: [] }, {}],
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
      { ...found(), marker: sealStoreMarker({ ...deployment, name: "billing" }, peppers) } as LookUp,
      {},
      { kind: "deny", code: "server_error", cause: "store_foreign" },
    ],
    [
      "the marker of a deployment of the same name on another tenant",
      {
        ...found(),
        marker: sealStoreMarker({ ...deployment, tenant: "other.auth0.com" }, peppers),
      } as LookUp,
      {},
      { kind: "deny", code: "server_error", cause: "store_foreign" },
    ],
    [
      "the marker of another type, from before deployments had names",
      { ...found(), marker: sealUnnamedMarker("urn:other:key", peppers) } as LookUp,
      {},
      { kind: "deny", code: "server_error", cause: "store_foreign" },
    ],
    [
      "a forged marker",
      { ...found(), marker: sealStoreMarker(deployment, stranger) } as LookUp,
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
      "a record with a member that is not known, which may restrict the key",
      found({ later: 1 } as object),
      {},
      { kind: "deny", code: "server_error", cause: "record_newer" },
    ],
    [
      "one inside its previous secret",
      found({ previous: { hash: "h", v: 2, exp: NOW + 1, later: 1 } } as object),
      {},
      { kind: "deny", code: "server_error", cause: "record_newer" },
    ],
    [
      "one in the record of another secret, which learns nothing",
      found({ ...wrongHash, later: 1 } as object),
      {},
      { kind: "deny", code: "server_error", cause: "record_newer" },
    ],
    [
      "a record of a later form",
      { kind: "answered", record: sealRecord(record, peppers).replace("v1.", "v2."), marker },
      {},
      { kind: "deny", code: "server_error", cause: "record_newer" },
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
      { audience: "https://other.acme.example" },
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
    [
      "a scope that the deployment does not name, of a key without restrictions",
      found(),
      { requestedScopes: ["read:things", "admin:things"] },
      {
        kind: "deny",
        code: "invalid_scope",
        reason: "This API key does not have the scope: admin:things.",
        cause: "scope_not_allowed",
      },
    ],
    [
      "one that it does not name any more, of a key that has it",
      found({ scope: "admin:things read:things" }),
      { requestedScopes: ["admin:things", "read:things"] },
      {
        kind: "deny",
        code: "invalid_scope",
        reason: "This API key does not have the scope: admin:things.",
        cause: "scope_not_allowed",
      },
    ],
    [
      "a scope of another API of the deployment, of a key without restrictions",
      found(),
      { requestedScopes: ["read:bills"] },
      { kind: "deny", code: "invalid_scope", cause: "scope_not_allowed" },
    ],
    [
      "a scope of another API of the deployment, of a key that has it",
      found({ scope: "read:things read:bills" }),
      { requestedScopes: ["read:bills"] },
      { kind: "deny", code: "invalid_scope", cause: "scope_not_allowed" },
    ],
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

test("the actor names the deployment", async () => {
  const billing = { ...deployment, name: "billing" };
  const lookUp = { ...found(), marker: sealStoreMarker(billing, peppers) } as LookUp;
  const decision = await decideExchange(request, billing, peppers, async () => lookUp, NOW);
  expect(decision).toMatchObject({ kind: "grant", actor: { sub: `api-key:billing|${key.id}` } });
});

describe("a key with a prefix that is one API's own", () => {
  const bound: DeployedDeployment = {
    ...deployment,
    apis: [
      { identifier: API, scopes: ["read:things"] },
      { identifier: BILLING, scopes: ["read:bills"], keyPrefix: "acme_bill" },
    ],
    acceptForeignKeys: true,
  };
  const granted = { kind: "grant" };
  const refused = {
    kind: "deny",
    code: "invalid_target",
    cause: "audience_not_allowed",
    reason: "This API key may not be used for this audience.",
  };
  const own = ApiKey.generate("acme_bill", randomBytes).reveal();
  const foreign = "a-foreign-key-that-was-made-elsewhere";

  it.each<[string, string, string | undefined, object, number]>([
    ["is for that API", own, BILLING, granted, 1],
    ["is for no other, which is known without a look-up", own, API, refused, 0],
    ["is not for an API that is none", own, "https://other.acme.example", refused, 0],
    ["is not for no API", own, undefined, refused, 0],
    ["may be missing: a key from before the API had one is for it", key.reveal(), BILLING, granted, 1],
    ["may be missing: such a key is for the others as well", key.reveal(), API, granted, 1],
    ["a foreign key does not have, and is for every API: this one", foreign, BILLING, granted, 1],
    ["a foreign key does not have, and is for every API: the other", foreign, API, granted, 1],
  ])("%s", async (_, subjectToken, audience, expected, times) => {
    const presented = readPresentedKey(subjectToken, bound);
    if (!presented) throw new Error("The text is no key.");
    const asked: string[] = [];
    const decision = await decideExchange(
      { ...request, subjectToken, audience, requestedScopes: [] },
      bound,
      peppers,
      async (id) => {
        asked.push(id);
        return found({ id, hash: presented.hash(peppers.current) });
      },
      NOW,
    );
    expect(decision).toMatchObject({ ...expected, keyId: presented.id });
    expect(asked).toEqual(Array.from({ length: times }, () => presented.id));
  });

  it("is refused like any other for a restriction of the key", async () => {
    const presented = readPresentedKey(own, bound);
    const lookUp = found({ id: presented?.id ?? "", hash: hashKey(own, peppers.current), aud: [API] });
    const asked = { ...request, subjectToken: own, audience: BILLING, requestedScopes: [] };
    expect(await decideExchange(asked, bound, peppers, async () => lookUp, NOW)).toMatchObject(refused);
  });
});

it.each([
  "urn:acme.eu.auth0.com:session_transfer",
  "https://acme.eu.auth0.com/userinfo",
  "https://acme.eu.auth0.com/api/v2/",
  "https://acme.eu.auth0.com/me/",
  "https://acme.eu.auth0.com/my-org/",
])("no key is for %s, even if it is among the deployment's APIs and the key's", async (identifier) => {
  const apis = [{ identifier, scopes: ["read:things"] }, ...deployment.apis];
  for (const restrictions of [{}, { aud: [identifier] }, { scope: "read:things" }]) {
    const lookUp = async () => found(restrictions);
    const asked = { ...request, audience: identifier };
    expect(await decideExchange(asked, { ...deployment, apis }, peppers, lookUp, NOW)).toMatchObject({
      kind: "deny",
      code: "invalid_target",
      cause: "audience_not_allowed",
    });
  }
});

describe("scopes that nobody named", () => {
  const none = { requestedScopes: [] };
  const again = (scopes: string) => `Ask again with its own: [scope: ${scopes}]`;
  const ask = (scopes: string) => `This API key was asked for no scope by name. ${again(scopes)}`;

  it.each<[string, string | undefined, readonly string[], string]>([
    ["nothing", "read:things", [], ask("read:things")],
    ["nothing, of two", "write:things read:things", [], ask("write:things read:things")],
    ["nothing, of one that the deployment does not name too", "read:things fly", [], ask("read:things")],
    ["nothing, of another API's too", "read:bills read:things", [], ask("read:things")],
    [
      "OpenID scopes alone",
      "read:things",
      ["openid", "profile"],
      `This API key does not have the scope: openid profile. ${again("read:things")}`,
    ],
    ["nothing, and has nothing here", "read:bills", [], "This API key has no scope of this API."],
    ["nothing, and has nothing at all", "", [], "This API key has no scope of this API."],
    [
      "OpenID scopes alone, and has nothing here",
      "read:bills",
      ["openid"],
      "This API key does not have the scope: openid.",
    ],
    [
      "an OpenID scope beside its own: it knows what it wants",
      "read:things",
      ["openid", "read:things"],
      "This API key does not have the scope: openid.",
    ],
    ["a scope of its own making", "read:things", ["fly"], "This API key does not have the scope: fly."],
  ])(
    "a scoped key that asks for %s is told what it may ask for",
    async (_, scope, requestedScopes, reason) => {
      const decision = await decide(found(scope === undefined ? {} : { scope }), { requestedScopes });
      expect(decision).toMatchObject({ kind: "deny", code: "invalid_scope", reason });
    },
  );

  it("lists whole scopes, as many as fit, and not in the form that a client asks again with: it would get less than all", async () => {
    const scopes = Array.from({ length: 40 }, (_, at) => `read:${"x".repeat(40)}:${at}`);
    const wide = { ...deployment, apis: [{ identifier: API, scopes }] };
    const lookUp = async () => found({ scope: scopes.join(" ") });
    const decision = await decideExchange({ ...request, ...none }, wide, peppers, lookUp, NOW);
    const reason = "reason" in decision ? decision.reason : "";
    expect(reason.length).toBeLessThan(1024);
    expect(reason).not.toContain("[scope: ");
    const told = /\[among others: (.*)\]$/.exec(reason)?.[1]?.split(" ") ?? [];
    expect(told).toEqual(scopes.slice(0, told.length));
    expect(told.length).toBeGreaterThan(5);
  });

  it("with the policy openid, a scoped key may ask for them, also alone; for nothing it may not", async () => {
    const ask = async (...requestedScopes: string[]) =>
      decideExchange(
        { ...request, requestedScopes },
        { ...deployment, openid: true },
        peppers,
        async () => found({ scope: "read:things" }),
        NOW,
      );
    expect(await ask("openid", "read:things")).toMatchObject({ kind: "grant" });
    expect(await ask("openid")).toMatchObject({ kind: "grant" });
    expect(await ask()).toMatchObject({ kind: "deny", code: "invalid_scope" });
  });
});

describe("a wrong secret is no guess", () => {
  it.each<[string, Partial<KeyRecord>, object]>([
    ["of a key made 59 seconds ago", { iat: NOW - 59 }, { kind: "deny", cause: "changed_just_now" }],
    ["of a key made 60 seconds ago: it is one", { iat: NOW - 60 }, { kind: "reject", cause: "wrong_secret" }],
    ["of a key made 60 seconds ahead", { iat: NOW + 60 }, { kind: "deny", cause: "changed_just_now" }],
    ["of a key made 61 seconds ahead: it is one", { iat: NOW + 61 }, { kind: "reject" }],
    [
      "of a key whose previous secret ended 59 seconds ago",
      { previous: { hash: "h", v: 2, exp: NOW - 59 } },
      { kind: "deny", cause: "changed_just_now" },
    ],
    [
      "of a key whose previous secret ended 60 seconds ago: it is one",
      { previous: { hash: "h", v: 2, exp: NOW - 60 } },
      { kind: "reject" },
    ],
    [
      "of a key whose previous secret lives: it is one",
      { previous: { hash: "h", v: 2, exp: NOW + 1 } },
      { kind: "reject" },
    ],
  ])("%s", async (_, changes, expected) => {
    expect(await decide(found({ ...wrongHash, ...changes }))).toMatchObject({ reason: INVALID, ...expected });
  });
});

test("the actor carries the beginnings of the secret's hashes, the one that matched first, and nothing else", async () => {
  const [two, one] = [2, 1].map((v) => hashKey(key.reveal(), peppers.byVersion.get(v)!));
  const sub = `api-key|${key.id}`;
  // Two of 31 characters and what is between them fit into 64.
  const tags = { two: two?.slice(0, 31), one: one?.slice(0, 31) };
  expect(await decide(found())).toHaveProperty("actor", { sub, tag: `${tags.two}.${tags.one}` });
  const previous = { hash: one ?? "", v: 1, exp: NOW + 1 };
  const actor = { sub, tag: `${tags.one}.${tags.two}` };
  expect(await decide(found({ ...wrongHash, previous }))).toHaveProperty("actor", actor);
  const alone = parsePeppers(`2:${pepperOf("two")}`);
  const decision = await decideExchange(request, deployment, alone, async () => found(), NOW);
  expect(decision).toHaveProperty("actor", { sub, tag: two });
});

test("an actor_token beside the key is refused before anything is looked up", async () => {
  const lookUp = async () => Promise.reject(new Error("was asked"));
  const decision = await decideExchange(
    { ...request, hasActorToken: true },
    deployment,
    peppers,
    lookUp,
    NOW,
  );
  expect(decision).toMatchObject({ kind: "deny", code: "invalid_request", cause: "actor_token" });
});
