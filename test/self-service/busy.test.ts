import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, expect, test } from "vitest";

import { createKey } from "../../src/keys/create.ts";
import { newUser } from "../../src/local/management/users.ts";
import type { Plan } from "../../src/local/plans.ts";
import { createApiKeysHandler, openStores } from "../../src/self-service/index.ts";
import { EventClock } from "../support/event-clock.ts";
import { SELF_SERVICE } from "../support/log-in.ts";
import { pepperOf, stage, type Stage } from "../support/stage.ts";

const USERS = 100;
const SECONDS = 60;
const OPERATIONS_PER_SECOND = 19;
/** Of sixty operations, by turns; the rest are lists. */
const TURNS: Readonly<Record<number, string>> = {
  5: "create",
  11: "scopes",
  17: "rotate",
  23: "create",
  29: "revoke",
  31: "scopes",
  37: "create",
  41: "scopes",
  43: "disable",
  47: "scopes",
  53: "rotate",
  57: "create",
};
const LATENCY_MS = 40;

let s: Stage;
const realFetch = globalThis.fetch;
afterEach(async () => {
  globalThis.fetch = realFetch;
  await s.stop();
});

interface Outcome {
  readonly kind: string;
  readonly status: number;
  readonly retryAfter: string | null;
}

interface Busy {
  readonly outcomes: readonly Outcome[];
  /** Answers of the Management API: method, status. */
  readonly asked: readonly (readonly [method: string, status: number])[];
}

/** What 100 users do in a minute, and how each of it ended. */
async function busyMinute(plan: Plan): Promise<Busy> {
  const clock = new EventClock(Date.UTC(2026, 10, 27));
  s = await stage({ plan, nowMs: clock.nowMs, selfService: SELF_SERVICE });
  const { description, tenant } = s.local;
  const asked: (readonly [string, number])[] = [];
  globalThis.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    if (!url.startsWith(`${description.issuer}api/v2/`)) return realFetch(input, init);
    await clock.sleep(LATENCY_MS);
    const response = await s.local.fetch(new Request(url, { ...init, signal: null }));
    asked.push([init?.method ?? "GET", response.status]);
    return response;
  };
  const { publicKey, privateKey } = await generateKeyPair("RS256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "one" };
  const { origin, managementApi, clientId, clientSecret, redisUrl, redisToken } = s.settings;
  const settings = { origin, managementApi, clientId, clientSecret, redisUrl, redisToken };
  const stores = openStores(
    s.config,
    { ...settings, pepper: `1:${pepperOf("one")}` },
    { clock, nowMs: clock.nowMs },
  );
  const handler = createApiKeysHandler({
    stores,
    issuer: description.issuer,
    audience: SELF_SERVICE.audience,
    fetch: async () => Response.json({ keys: [jwk] }),
  });
  const users = Array.from({ length: USERS }, (_, at) => `auth0|user-${at}`);
  const bearers = await Promise.all(
    users.map(async (sub) => {
      tenant.users.set(sub, newUser(tenant, sub, { email: `${sub.slice(6)}@acme.example` }));
      return new SignJWT({ scope: "read:api_keys write:api_keys" })
        .setProtectedHeader({ alg: "RS256", kid: "one" })
        .setIssuer(description.issuer)
        .setAudience(SELF_SERVICE.audience)
        .setSubject(sub)
        .setIssuedAt(Date.UTC(2026, 10, 27) / 1000)
        .setExpirationTime(Date.UTC(2026, 10, 28) / 1000)
        .sign(privateKey);
    }),
  );
  const ids: string[][] = users.map(() => []);
  // A key to revoke, to disable and to rotate for each that will: made before, by a program that waits.
  const total = SECONDS * OPERATIONS_PER_SECOND;
  const kindOf = (at: number) => TURNS[at % 60] ?? "list";
  const needing = Array.from({ length: total }, (_, at) => at).filter((at) =>
    ["revoke", "disable", "rotate"].includes(kindOf(at)),
  );
  await clock.run(
    needing.map((at, index) => ({
      afterMs: index * 2_500,
      work: async () => {
        const user = at % USERS;
        const { entry } = await createKey(stores.keys, users[user] ?? "", {
          name: `before ${at}`,
          scope: "",
        });
        ids[user]?.push(entry.id);
      },
    })),
  );
  await clock.run([{ afterMs: 60_000, work: async () => Promise.resolve() }]);
  asked.length = 0;

  const send = async (at: number): Promise<Outcome> => {
    const user = at % USERS;
    const kind = kindOf(at);
    const id = kind === "list" || kind === "create" || kind === "scopes" ? "" : (ids[user]?.shift() ?? "");
    const [method, path, body] = {
      list: ["GET", "/api-keys", undefined] as const,
      scopes: ["GET", "/scopes", undefined] as const,
      create: ["POST", "/api-keys", { name: `made ${at}`, scopes: [] }] as const,
      rotate: ["POST", `/api-keys/${id}/rotate`, undefined] as const,
      disable: ["PATCH", `/api-keys/${id}`, { disabled: true }] as const,
      revoke: ["DELETE", `/api-keys/${id}`, undefined] as const,
    }[kind as "list"];
    const headers = { authorization: `Bearer ${bearers[user]}`, "content-type": "application/json" };
    const { status, headers: answered } = await handler(
      new Request(`https://self-service.example${path}`, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    );
    return { kind, status, retryAfter: answered.get("retry-after") };
  };
  const outcomes = await clock.run(
    Array.from({ length: total }, (_, at) => ({
      afterMs: (at * 1000) / OPERATIONS_PER_SECOND,
      work: async () => send(at),
    })),
  );
  return { outcomes, asked };
}

test.each<[Plan, number]>([
  ["enterprise", 0.5],
  ["professional", 1],
])(
  "100 users, 19 operations a second for a minute, on the plan %s: nobody who ends a key is refused",
  { timeout: 120_000 },
  async (plan, mostRefused) => {
    const { outcomes, asked } = await busyMinute(plan);
    const refused = outcomes.filter(({ status }) => status === 503);
    const count = (kind: string, all: readonly Outcome[]) => all.filter((one) => one.kind === kind).length;
    const kinds = ["revoke", "disable", "create", "rotate", "scopes", "list"];
    if (process.env["SHOW_FIGURES"] !== undefined) {
      const figures = kinds.map((kind) => `${kind} ${count(kind, refused)} of ${count(kind, outcomes)}`);
      const limited = asked.filter(([, status]) => status === 429);
      process.stdout.write(
        `${plan}: refused ${refused.length} of ${outcomes.length}: ${figures.join(", ")}; ${asked.length} requests, ${limited.length} of them 429, ${limited.filter(([method]) => method === "PATCH").length} of ${asked.filter(([method]) => method === "PATCH").length} PATCHes\n`,
      );
    }
    expect(outcomes.filter(({ status }) => status >= 400 && status !== 503)).toEqual([]);
    expect(count("revoke", outcomes)).toBeGreaterThan(8);
    expect([count("revoke", refused), count("disable", refused)]).toEqual([0, 0]);
    // No operation reads, and then fails at its write.
    expect(asked.filter(([method, status]) => method === "PATCH" && status === 429)).toEqual([]);
    expect(refused.length / outcomes.length).toBeLessThan(mostRefused);
    // Those who are refused do not come back together.
    const moments = new Set(refused.map(({ retryAfter }) => retryAfter));
    if (refused.length > 50) expect(moments.size).toBeGreaterThan(5);
    for (const one of moments) expect(one).toMatch(/^[2-9]$/);
  },
);
