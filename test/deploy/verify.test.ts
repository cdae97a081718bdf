import { expect, test } from "vitest";

import { verify, type Check } from "../../src/deploy/verify.ts";
import { listen } from "../../src/local/listen.ts";

const LATE = { status: 400, body: { error: "invalid_request", error_description: "Invalid API key." } };
const GRANTED = { status: 200, body: { access_token: "a.b.c", token_type: "Bearer", expires_in: 60 } };
const DENIED = {
  status: 403,
  body: { error: "access_denied", error_description: "This API key is revoked." },
};
const NAMELESS = { status: 400, body: { error: "invalid_scope", error_description: "[scope: read:things]" } };
const FAULT = { status: 500, body: { error: "server_error" } };

/** Verifies against a token endpoint that gives these answers, one after the other, and the last for ever. */
async function verifyAgainst(
  answers: readonly { readonly status: number; readonly body: object }[],
): Promise<{
  readonly checks: readonly Check[];
  readonly sleptMs: readonly number[];
  readonly told: string[];
}> {
  let asked = 0;
  const server = await listen((request, response) => {
    const answer = answers[Math.min(asked, answers.length - 1)];
    if (request.method === "POST") asked++;
    response.writeHead(answer?.status ?? 500, { "content-type": "application/json" });
    response.end(JSON.stringify(request.method === "POST" ? answer?.body : { keys: [] }));
  }, 0);
  const sleptMs: number[] = [];
  const told: string[] = [];
  const checks = await verify(
    {
      origin: server.url,
      tenant: "localhost",
      deployment: "api-keys",
      subjectTokenType: "urn:acme:api-key",
      userId: "auth0|ada",
      clientId: "client",
      audience: "https://api.acme.example",
      scope: "read:things",
      nowMs: Date.now,
      sleep: async (ms) => {
        sleptMs.push(ms);
        return Promise.resolve();
      },
      onWait: (what) => void told.push(what),
      createKey: async () => Promise.resolve({ id: "A".repeat(12), reveal: () => "made" }),
      unknownKey: () => "unknown",
      withoutEntry: async (_, work) => work(),
      revokeKey: async () => Promise.resolve(),
      forgetKey: async () => Promise.resolve(),
    },
    () => undefined,
  );
  await server.close();
  return { checks, sleptMs, told };
}

const result = (checks: readonly Check[], name: string) => checks.find(({ check }) => check === name)?.ok;
const [EXCHANGED, UNKNOWN, REVOKED] = [
  "a key is exchanged",
  "a key that was never made is refused",
  "a revoked key is refused",
];

test("a replica that is behind a new key, and behind its revocation, is waited for, and that is said", async () => {
  const { checks, sleptMs, told } = await verifyAgainst([
    LATE,
    LATE,
    GRANTED,
    NAMELESS,
    DENIED,
    LATE,
    GRANTED,
    GRANTED,
    DENIED,
  ]);
  expect([EXCHANGED, UNKNOWN, REVOKED].map((name) => result(checks, name))).toEqual([true, true, true]);
  expect(sleptMs).toEqual([500, 2_000, 500, 2_000]);
  expect(told).toHaveLength(4);
  for (const line of told) expect(line).toContain("replica of Redis that is behind");
});

test("the refusal of post-login is one as much as that of the exchange", async () => {
  const { checks, sleptMs } = await verifyAgainst([GRANTED, NAMELESS, DENIED, LATE, DENIED]);
  expect(result(checks, REVOKED)).toBe(true);
  expect(sleptMs).toEqual([]);
});

test("a tenant that grants without being asked, or whose post-login does not look, does not work", async () => {
  const NO_SCOPE = "a request that names no scope is refused";
  const NO_ENTRY = "a key that the user's record does not have is refused";
  const looked = async (
    nameless: typeof LATE | typeof GRANTED,
    unconfirmed: typeof LATE | typeof GRANTED,
  ) => {
    const { checks } = await verifyAgainst([GRANTED, nameless, unconfirmed, LATE, DENIED]);
    return [NO_SCOPE, NO_ENTRY].map((name) => result(checks, name));
  };
  expect(await looked(NAMELESS, DENIED)).toEqual([true, true]);
  expect(await looked(GRANTED, DENIED)).toEqual([false, true]);
  expect(await looked(NAMELESS, GRANTED)).toEqual([true, false]);
  // Refused, but by the exchange: that says nothing of post-login.
  expect(await looked(NAMELESS, LATE)).toEqual([true, false]);
});

test("the wait has an end: a key that is never exchanged fails after three more attempts", async () => {
  const { checks, sleptMs } = await verifyAgainst([LATE]);
  expect(result(checks, EXCHANGED)).toBe(false);
  expect(sleptMs).toEqual([500, 2_000, 5_000]);
});

test("a fault of the server is no replica's, and no refusal", async () => {
  const { checks, sleptMs } = await verifyAgainst([FAULT]);
  expect([EXCHANGED, UNKNOWN, REVOKED].map((name) => result(checks, name))).toEqual([false, false, false]);
  expect(sleptMs).toEqual([]);
});
