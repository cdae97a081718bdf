import { exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT, type JWTPayload } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { connectApis, passOn } from "../support/hops.ts";
import { SELF_SERVICE } from "../support/log-in.ts";
import { OPERATIONS } from "../support/openapi.ts";
import { selfServiceStage, type SelfServiceStage } from "../support/self-service.ts";
import { ADA, claimsOf, GRACE, type Answer } from "../support/stage.ts";

const ROUTES = OPERATIONS.filter((one) => one !== "GET /openapi.json");
const BODIES: Readonly<Record<string, object>> = {
  "POST /api-keys": { name: "attack", scopes: ["read:things"] },
  "PATCH /api-keys/{id}": { name: "attacked", disabled: true },
};
const NOBODYS_ID = "zzzzzzzzzzzz";

let stage: SelfServiceStage;
let ada: string;
let victim: { readonly key: string; readonly id: string };
let inOrganization: { readonly key: string; readonly id: string };
let organization: string;
const forged = new Map<string, string | undefined>();

beforeAll(async () => {
  stage = await selfServiceStage();
  const { tenant, description } = stage.s.local;
  const { issuer } = description;
  organization = "org_0123456789abcdef";
  for (const [id, name] of [
    [organization, "one"],
    ["org_fedcba9876543210", "other"],
  ] as const) {
    tenant.organizations.set(id, {
      id,
      name,
      display_name: name,
      members: new Set([ADA]),
      enabledConnections: new Set(tenant.connections.keys()),
    });
  }
  victim = await stage.s.create(GRACE, { name: "of grace", scope: "read:things" });
  inOrganization = await stage.s.create(ADA, {
    name: "of the other organization",
    scope: "read:things",
    organizationId: "org_fedcba9876543210",
  });
  ada = await stage.tokenOf(ADA);
  const claims = claimsOf(ada) as JWTPayload;
  const header = JSON.parse(Buffer.from(ada.split(".")[0] ?? "", "base64url").toString()) as { kid: string };
  const jwks = (await (await fetch(description.jwks_uri)).json()) as { keys: [Record<string, string>] };
  const publicKey = await importJWK(jwks.keys[0], "RS256", { extractable: true });
  const pem = await exportSPKI(publicKey as Parameters<typeof exportSPKI>[0]);
  const hmac = async (secret: string) =>
    new SignJWT(claims)
      .setProtectedHeader({ ...header, alg: "HS256" })
      .sign(new TextEncoder().encode(secret));
  const strangers = await generateKeyPair("RS256");
  const [head = "", payload = "", signature = ""] = ada.split(".");
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const ofKey = await stage.s.exchange((await stage.s.create(ADA, { name: "attacker" })).key);

  forged.set("no token", undefined);
  forged.set("no JWT", "acme_live_nonsense");
  forged.set("a token for another API", String(ofKey.body["access_token"]));
  forged.set("an ID token", await idTokenOf());
  forged.set("alg: none", `${encode({ alg: "none", typ: "JWT" })}.${payload}.`);
  forged.set("alg: none with a signature", `${encode({ ...header, alg: "none" })}.${payload}.${signature}`);
  forged.set("HS256 with the public key as PEM", await hmac(pem));
  forged.set("HS256 with the public key as JWK", await hmac(JSON.stringify(jwks.keys[0])));
  forged.set("HS256 with the modulus", await hmac(jwks.keys[0]["n"] ?? ""));
  forged.set(
    "a key of its own in the header",
    await new SignJWT(claims)
      .setProtectedHeader({ alg: "RS256", kid: header.kid, jwk: jwks.keys[0] })
      .sign(strangers.privateKey),
  );
  forged.set(
    "another issuer's key",
    await new SignJWT({ ...claims, iss: issuer })
      .setProtectedHeader({ alg: "RS256", kid: "stranger" })
      .sign(strangers.privateKey),
  );
  forged.set("an altered payload", `${head}.${encode({ ...claims, sub: GRACE })}.${signature}`);
  forged.set("two tokens", `${ada}, Bearer ${ada}`);
});
afterAll(async () => stage.stop());

async function idTokenOf(): Promise<string> {
  const { logIn } = await import("../support/log-in.ts");
  return String((await logIn(stage.s, ADA)).body["id_token"]);
}

async function send(route: string, id: string, token: string | undefined): Promise<Answer> {
  const [method = "", path = ""] = route.split(" ");
  const body = BODIES[route];
  return stage.call(method, path.replace("{id}", id), { token, ...(body && { body }) });
}

/** What a caller can tell of an answer. */
function seen({ status, headers, text }: Answer): object {
  return { status, text, headers: [...headers].filter(([name]) => name !== "date") };
}

async function entriesOf(userId: string): Promise<unknown> {
  return (await stage.stores.keys.users.read(userId)).entries;
}

describe.each(ROUTES)("%s", (route) => {
  test("every token that is not valid is refused in the same words, and changes nothing", async () => {
    const before = await Promise.all([ADA, GRACE].map(entriesOf));
    const bodies = new Set<string>();
    for (const [name, token] of forged) {
      for (const id of [inOrganization.id, victim.id, NOBODYS_ID]) {
        const answer = await send(route, id, token);
        expect([name, answer.status]).toEqual([name, 401]);
        bodies.add(answer.text);
      }
    }
    expect(bodies.size).toBe(1);
    expect(await Promise.all([ADA, GRACE].map(entriesOf))).toEqual(before);
  });

  test("a token without the scope is refused, whatever the id", async () => {
    const other = route.startsWith("GET") ? "write:api_keys" : "read:api_keys";
    const token = await stage.tokenOf(ADA, { scope: `openid ${other}` });
    const answers = await Promise.all(
      [inOrganization.id, victim.id, NOBODYS_ID].map(async (id) => send(route, id, token)),
    );
    for (const answer of answers) {
      expect(answer.body["code"]).toBe(
        route.includes(" /organization/") ? "organization_admin_required" : "insufficient_scope",
      );
      expect(seen(answer)).toEqual(seen(answers[0] as Answer));
    }
  });

  test("a token that came from an API key is refused, with all scopes and for the right API, also passed on", async () => {
    const s = await keyDerivedStage();
    for (const token of [s.token, s.passedOn]) {
      const answer = await s.call(...asCall(route, s.id), { token, ...bodyOf(route) });
      expect([answer.status, answer.body["code"]]).toEqual([403, "key_derived_token"]);
    }
    expect((await s.keys.users.read(ADA)).entries).toHaveLength(1);
  });

  test("a token of a machine, which has no user, is refused", async () => {
    const answer = await send(route, NOBODYS_ID, await machineToken());
    expect([answer.status, answer.body["code"]]).toEqual([403, "not_a_user"]);
  });
});

test.each(ROUTES.filter((route) => route.includes(" /api-keys/{id}")))(
  "%s: a key of another user, and of another organization, is one that does not exist",
  async (route) => {
    const before = await Promise.all([ADA, GRACE].map(entriesOf));
    const inOne = await stage.tokenOf(ADA, { organization });
    const nobodys = seen(await send(route, NOBODYS_ID, ada));
    expect(nobodys).toMatchObject({ status: 404 });
    for (const odd of ["x", "..", "%00", "%E0%A4%A", `${NOBODYS_ID}%2F`, "a".repeat(5_000)]) {
      expect(seen(await send(route, odd, ada))).toMatchObject({ status: 404 });
    }
    expect(seen(await send(route, victim.id, ada))).toEqual(nobodys);
    expect(seen(await send(route, inOrganization.id, inOne))).toEqual(nobodys);
    expect(seen(await send(route, victim.id, inOne))).toEqual(nobodys);
    expect(await Promise.all([ADA, GRACE].map(entriesOf))).toEqual(before);
  },
);

test.each([
  ["one second before its end", -1, 200],
  ["at its end", 0, 401],
])("a token is good %s", async (_, offsetSeconds, status) => {
  const { exp = 0 } = claimsOf(ada) as JWTPayload;
  const { createApiKeysHandler } = await import("../../src/self-service/index.ts");
  const keys = { ...stage.stores.keys, nowSeconds: () => exp + offsetSeconds };
  const handler = createApiKeysHandler({
    stores: { ...stage.stores, keys },
    issuer: stage.s.local.description.issuer,
    audience: SELF_SERVICE.audience,
  });
  const headers = { authorization: `Bearer ${ada}` };
  expect((await handler(new Request("http://self-service.example/api-keys", { headers }))).status).toBe(
    status,
  );
});

test("another issuer's token is refused, though its keys are the same", async () => {
  const { createApiKeysHandler } = await import("../../src/self-service/index.ts");
  const handler = createApiKeysHandler({
    stores: stage.stores,
    issuer: "https://other.example/",
    jwks_uri: stage.s.local.description.jwks_uri,
    audience: SELF_SERVICE.audience,
  });
  const headers = { authorization: `Bearer ${ada}` };
  expect((await handler(new Request("http://self-service.example/api-keys", { headers }))).status).toBe(401);
});

function asCall(route: string, id: string): [string, string] {
  const [method = "", path = ""] = route.split(" ");
  return [method, path.replace("{id}", id)];
}

function bodyOf(route: string): { readonly body?: object } {
  const body = BODIES[route];
  return body ? { body } : {};
}

test("a machine is refused by its token alone, before anything is counted or asked for", async () => {
  const { createApiKeysHandler } = await import("../../src/self-service/index.ts");
  const unused = {} as typeof stage.stores.requests;
  const handler = createApiKeysHandler({
    stores: { ...stage.stores, requests: unused },
    issuer: stage.s.local.description.issuer,
    audience: SELF_SERVICE.audience,
  });
  const headers = { authorization: `Bearer ${await machineToken()}` };
  const answer = await handler(new Request("http://self-service.example/api-keys", { headers }));
  expect(await answer.json()).toMatchObject({ status: 403, code: "not_a_user" });
});

let derived: Promise<
  SelfServiceStage & { token: string; passedOn: string; id: string; keys: SelfServiceStage["stores"]["keys"] }
>;

/** A deployment that gives keys to the self-service API itself: the worst that a configuration can do. */
async function keyDerivedStage(): typeof derived {
  derived ??= (async () => {
    const one = await selfServiceStage({
      config: {
        apis: [
          { identifier: "https://api.acme.example", scopes: { "read:things": "" } },
          { identifier: SELF_SERVICE.audience, scopes: { "read:api_keys": "", "write:api_keys": "" } },
        ],
      },
    });
    const { key, id } = await one.s.create(ADA);
    const scope = "read:api_keys write:api_keys";
    const { body } = await one.s.exchange(key, { audience: SELF_SERVICE.audience, scope });
    const token = String(body["access_token"]);
    expect(claimsOf(token)).toMatchObject({ sub: ADA, aud: SELF_SERVICE.audience, scope });
    // An API that got a token of the key passes it on to self-service.
    connectApis(one.s, ["https://api.acme.example", SELF_SERVICE.audience]);
    const first = await one.s.exchange(key, { audience: "https://api.acme.example", scope: "read:things" });
    const hop = { audience: SELF_SERVICE.audience, scope };
    const next = await passOn(one.s, "https://api.acme.example", first.body["access_token"], hop);
    const passedOn = String(next.body["access_token"]);
    expect(claimsOf(passedOn)).toMatchObject({ sub: ADA, scope, act: { act: { sub: `api-key|${id}` } } });
    return { ...one, token, passedOn, id, keys: one.stores.keys };
  })();
  return derived;
}
afterAll(async () => (await derived)?.stop());

async function machineToken(): Promise<string> {
  const { tenant, description } = stage.s.local;
  const client_id = description.management_client_id;
  if (!tenant.clientGrants.some(({ audience }) => audience === SELF_SERVICE.audience)) {
    const scope = ["read:api_keys", "write:api_keys"];
    tenant.clientGrants.push({ client_id, audience: SELF_SERVICE.audience, scope });
  }
  const answer = await fetch(description.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id,
      client_secret: description.management_client_secret,
      audience: SELF_SERVICE.audience,
    }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

test.each([
  ["RS256", 200],
  ["PS256", 401],
  ["RS512", 401],
])("of the issuer's own RSA key, only RS256 is taken: %s", async (alg, status) => {
  const { createApiKeysHandler } = await import("../../src/self-service/index.ts");
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  // A JWKS that says nothing of an algorithm, as RFC 7517 allows.
  const { kty, n, e } = await exportJWK(publicKey);
  const handler = createApiKeysHandler({
    stores: stage.stores,
    issuer: stage.s.local.description.issuer,
    audience: SELF_SERVICE.audience,
    fetch: async () => Response.json({ keys: [{ kty, n, e, kid: "one" }] }),
  });
  const token = await new SignJWT(claimsOf(ada)).setProtectedHeader({ alg, kid: "one" }).sign(privateKey);
  const headers = { authorization: `Bearer ${token}` };
  expect((await handler(new Request("http://self-service.example/api-keys", { headers }))).status).toBe(
    status,
  );
});
