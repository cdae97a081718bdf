import { afterAll, beforeAll, expect, test } from "vitest";

import { upstashRedis } from "../../src/client/redis-port.ts";
import { grant } from "../../src/cli/deploy/examine.ts";
import { verify, type Verifying } from "../../src/deploy/verify.ts";
import { listen } from "../../src/local/listen.ts";
import { createRedis, readKeyRecord } from "../../src/stores/key-record-reader.ts";
import { createManagementClient } from "../../src/stores/management-client.ts";

type Server = Awaited<ReturnType<typeof listen>>;

/** What another host was asked. Whatever arrives there was a secret, and what it answers would be believed. */
const stolen: string[] = [];
let status = 0;
let thief: Server;
let origin: Server;
beforeAll(async () => {
  thief = await listen((request, response) => {
    stolen.push(`${request.method} ${request.url}`);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ access_token: "forged", token_type: "Bearer", result: "OK", keys: [] }));
  }, 0);
  origin = await listen((request, response) => {
    request.resume();
    response.writeHead(status, { location: `${thief.url}${request.url}` });
    response.end();
  }, 0);
});
afterAll(async () => {
  await origin.close();
  await thief.close();
});

const redisSettings = () => ({ url: origin.url, token: "t", timeoutMs: 2_000 });
const managementSettings = () => ({
  origin: origin.url,
  managementApi: `${origin.url}/api/v2`,
  managementAudience: `${origin.url}/api/v2/`,
  clientId: "operator",
  clientSecret: "secret",
});
const verifying = (): Verifying => ({
  origin: origin.url,
  tenant: "localhost",
  deployment: "api-keys",
  subjectTokenType: "urn:acme:api-key",
  userId: "auth0|ada",
  clientId: "client",
  clientSecret: "secret",
  audience: "https://api.acme.example",
  scope: "read:things",
  nowMs: Date.now,
  sleep: async () => Promise.resolve(),
  onWait: () => undefined,
  createKey: async () => Promise.resolve({ id: "A".repeat(12), reveal: () => "made" }),
  unknownKey: () => "unknown",
  withoutEntry: async (_, work) => work(),
  revokeKey: async () => Promise.resolve(),
  forgetKey: async () => Promise.resolve(),
});

const ASKERS: readonly (readonly [string, () => Promise<unknown>])[] = [
  ["the Action's look-up", async () => readKeyRecord(createRedis(redisSettings()), "4fJ2kQ9xZb1T")],
  ["the stores' Redis", async () => createRedis(redisSettings()).set("a", "b")],
  ["the client's Redis", async () => upstashRedis(redisSettings()).command("GET", "a")],
  [
    "the Management API's client",
    async () => createManagementClient({ ...managementSettings(), timeoutMs: 2_000 }).users.get("auth0|ada"),
  ],
  ["the doctor's token", async () => grant(managementSettings())],
  ["a verification", async () => verify(verifying(), () => undefined)],
];

test.each(ASKERS.flatMap(([who, ask]) => [301, 302, 307, 308].map((code) => [who, code, ask] as const)))(
  "%s is redirected (%i) nowhere: what is asked, and who asks, is for this host alone",
  async (_, code, ask) => {
    status = code;
    stolen.length = 0;
    await ask().catch(() => undefined);
    expect(stolen).toEqual([]);
  },
);
