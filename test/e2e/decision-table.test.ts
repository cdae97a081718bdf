import { afterAll, beforeAll, describe, expect, it, test, vi } from "vitest";

import { recordKey, sealRecord } from "../../src/core/key-record.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import type { NewKeyRequest } from "../../src/core/policy.ts";
import { sealStoreMarker } from "../../src/core/store-marker.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { rotateKey } from "../../src/keys/rotate.ts";
import type { KeyEntry } from "../../src/core/key-entry.ts";
import { mistype, otherSecret, unknownKey } from "../support/guesses.ts";
import {
  ADA,
  claimsOf,
  DEPLOYMENT,
  GRACE,
  OTHER_AUDIENCE,
  OTHER_CLIENT_ID,
  pepperOf,
  stage,
  type Answer,
  type Stage,
} from "../support/stage.ts";

const ADDRESS = "127.0.0.1";
const INVALID = "Invalid API key.";
const TRY_LATER = "API keys cannot be checked at the moment. Try again later.";
const foreign = parsePeppers(pepperOf("foreign"));

let s: Stage;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 22) });
  s = await stage({ limits: { exchangesPerSecond: 1_000, ipAttempts: 10, ipRegainMs: 600_000 } });
  const members = new Set([ADA]);
  for (const id of ["org_acme", "org_umbrella"]) {
    s.local.tenant.organizations.set(id, {
      id,
      name: id.slice(4),
      display_name: id,
      members,
      enabledConnections: new Set(s.local.tenant.connections.keys()),
    });
  }
});
afterAll(async () => {
  await s.stop();
  vi.useRealTimers();
});
/** Exchanges and tells how many attempts it cost the caller's address. */
async function counted(
  work: () => Promise<Answer>,
): Promise<{ readonly answer: Answer; readonly counted: number }> {
  // A day regains every attempt that earlier exchanges have used up.
  const left = () => s.local.tenant.ipAttempts?.left(ADDRESS) ?? 0;
  vi.setSystemTime(Date.now() + 86_400_000);
  const before = left();
  const answer = await work();
  return { answer, counted: before - left() };
}

type Present = (key: string, id: string) => Promise<Answer>;
interface Row {
  readonly name: string;
  readonly make?: Partial<NewKeyRequest>;
  readonly exchange?: Readonly<Record<string, string>>;
  readonly present?: Present;
  readonly status: number;
  readonly error: string;
  readonly description: string | RegExp;
  readonly counts: 0 | 1;
}

const afterStoring =
  (change: (id: string) => Promise<unknown>): Present =>
  async (key, id) => {
    await change(id);
    return s.exchange(key);
  };
const put = async (key: string, value: string) => s.local.redis.execute(["SET", key, value]);
const get = async (key: string) => String(await s.local.redis.execute(["GET", key]));
/** Changes something of the store for one exchange alone. */
const whileStored =
  (key: string, value: string | undefined): Present =>
  async (apiKey) => {
    const before = await get(key);
    await (value === undefined ? s.local.redis.execute(["DEL", key]) : put(key, value));
    const answer = await s.exchange(apiKey);
    await put(key, before);
    return answer;
  };

const rows: readonly Row[] = [
  {
    name: "no key at all",
    present: async () => s.exchange("hello"),
    status: 400,
    error: "invalid_request",
    description: INVALID,
    counts: 0,
  },
  {
    name: "a mistyped key",
    present: async (key) => s.exchange(mistype(key)),
    status: 400,
    error: "invalid_request",
    description: INVALID,
    counts: 0,
  },
  {
    name: "a key of another deployment's prefix",
    present: async () => s.exchange(unknownKey("other")),
    status: 400,
    error: "invalid_request",
    description: INVALID,
    counts: 0,
  },
  {
    name: "a flushed store",
    present: whileStored("apikey-store", undefined),
    status: 500,
    error: "server_error",
    description: TRY_LATER,
    counts: 0,
  },
  {
    name: "the store of another deployment",
    present: whileStored(
      "apikey-store",
      sealStoreMarker({ ...DEPLOYMENT, name: "billing" }, parsePeppers(`1:${pepperOf("one")}`)),
    ),
    status: 500,
    error: "server_error",
    description: TRY_LATER,
    counts: 0,
  },
  {
    name: "a store marked under another pepper",
    present: whileStored("apikey-store", sealStoreMarker(DEPLOYMENT, foreign)),
    status: 500,
    error: "server_error",
    description: TRY_LATER,
    counts: 0,
  },
  {
    name: "an altered record",
    present: afterStoring(async (id) => put(recordKey(id), (await get(recordKey(id))).replace(ADA, GRACE))),
    status: 500,
    error: "server_error",
    description: TRY_LATER,
    counts: 0,
  },
  {
    name: "a truncated record",
    present: afterStoring(async (id) => put(recordKey(id), (await get(recordKey(id))).slice(0, -9))),
    status: 500,
    error: "server_error",
    description: TRY_LATER,
    counts: 0,
  },
  {
    name: "a record swapped with another key's",
    present: afterStoring(async (id) => put(recordKey(id), await get(recordKey((await s.create(GRACE)).id)))),
    status: 500,
    error: "server_error",
    description: TRY_LATER,
    counts: 0,
  },
  {
    name: "a forged record",
    present: afterStoring(async (id) =>
      put(recordKey(id), sealRecord({ id, sub: GRACE, hash: "h", v: 1, iat: 0 }, foreign)),
    ),
    status: 500,
    error: "server_error",
    description: TRY_LATER,
    counts: 0,
  },
  {
    name: "a record of a newer version",
    present: afterStoring(async (id) => put(recordKey(id), (await get(recordKey(id))).replace("v1.", "v2."))),
    status: 500,
    error: "server_error",
    description: TRY_LATER,
    counts: 0,
  },
  {
    name: "a record with a member that is not known",
    present: afterStoring(async (id) => {
      const later = { id, sub: ADA, hash: "h", v: 1, iat: 0, later: 1 };
      await put(recordKey(id), sealRecord(later, parsePeppers(`1:${pepperOf("one")}`)));
    }),
    status: 500,
    error: "server_error",
    description: TRY_LATER,
    counts: 0,
  },
  {
    name: "an unknown id",
    present: afterStoring(async (id) => s.local.redis.execute(["DEL", recordKey(id)])),
    status: 400,
    error: "invalid_request",
    description: INVALID,
    counts: 1,
  },
  {
    name: "a wrong secret",
    present: async (key) => s.exchange(otherSecret(key)),
    status: 400,
    error: "invalid_request",
    description: INVALID,
    counts: 1,
  },
  {
    name: "a revoked key",
    present: afterStoring(async (id) => revokeKey(s.keys, ADA, id, "leaked")),
    status: 400,
    error: "invalid_request",
    description: /^This API key was revoked at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\.$/,
    counts: 0,
  },
  {
    name: "an expired key",
    make: { lifetimeDays: 1 },
    present: afterStoring(async () => vi.setSystemTime(Date.now() + 86_400_000)),
    status: 400,
    error: "invalid_request",
    description: /^This API key expired at /,
    counts: 0,
  },
  {
    name: "a client that is not among its clients",
    make: { clientIds: [OTHER_CLIENT_ID] },
    status: 400,
    error: "unauthorized_client",
    description: "This API key may not be used by this client.",
    counts: 0,
  },
  {
    name: "an address outside its ranges",
    make: { ipRanges: ["203.0.113.0/24", "2001:db8::/32"] },
    status: 400,
    error: "invalid_request",
    description: "This API key may not be used from this IP address.",
    counts: 0,
  },
  {
    name: "an audience outside its own",
    make: { audiences: [OTHER_AUDIENCE] },
    status: 400,
    error: "invalid_target",
    description: "This API key may not be used for this audience.",
    counts: 0,
  },
  {
    name: "another organization than its own",
    make: { organizationId: "org_acme" },
    exchange: { organization: "org_umbrella" },
    status: 400,
    error: "invalid_request",
    description: "This API key belongs to another organization.",
    counts: 0,
  },
  {
    name: "scopes outside its own",
    make: { scope: "read:things" },
    exchange: { scope: "read:things write:things" },
    status: 400,
    error: "invalid_scope",
    description: "This API key does not have the scope: write:things.",
    counts: 0,
  },
  {
    name: "a scope that the deployment does not name, of a key without restrictions",
    exchange: { scope: "read:things admin:things" },
    status: 400,
    error: "invalid_scope",
    description: "This API key does not have the scope: admin:things.",
    counts: 0,
  },
];

describe("every row of the decision table, over HTTP", () => {
  it.each(rows)(
    "$name: $status $error, counted $counts",
    async ({ make, exchange, present, ...expected }) => {
      const { key, id } = await s.create(ADA, { lifetimeDays: 300, ...make });
      s.logs.length = 0;
      const outcome = await counted(async () => (present ? present(key, id) : s.exchange(key, exchange)));
      const { answer } = outcome;
      expect({ status: answer.status, error: answer.body["error"], counts: outcome.counted }).toEqual({
        status: expected.status,
        error: expected.error,
        counts: expected.counts,
      });
      expect(answer.body["error_description"]).toEqual(
        typeof expected.description === "string"
          ? expected.description
          : expect.stringMatching(expected.description),
      );
      expect(Object.keys(answer.body)).toEqual(["error", "error_description"]);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      const secret = key.slice(-38);
      expect([answer.text, ...s.logs].filter((text) => text.includes(secret))).toEqual([]);
      await revokeKey(s.keys, ADA, id, "the test is over");
    },
  );
});

test("an unknown id and a right id with a wrong secret are answered with the same bytes", async () => {
  const { key, id } = await s.create(ADA);
  const wrong = await s.exchange(otherSecret(key));
  const unknown = await s.exchange(unknownKey());
  const offline = await s.exchange(mistype(key));
  const bytes = ({ status, text, headers }: Answer) => {
    const sent = [...headers].filter(([name]) => name !== "date");
    return JSON.stringify([status, text, sent]);
  };
  expect(bytes(wrong)).toBe(bytes(unknown));
  expect(bytes(wrong)).toBe(bytes(offline));
  await revokeKey(s.keys, ADA, id, "the test is over");
});

describe("post-login, at the user's own record", () => {
  const forget = async (): Promise<unknown> => s.keys.users.write(ADA, []);
  /** The truth was narrowed, and Redis holds the record of before. */
  const narrowed = (changes: Partial<KeyEntry>, exchange: Readonly<Record<string, string>> = {}): Present => {
    return async (key, id) => {
      const { keys } = await s.keys.users.read(ADA);
      await s.keys.users.write(
        ADA,
        keys.map((one) => (one.id === id ? { ...one, ...changes } : one)),
      );
      return s.exchange(key, exchange);
    };
  };
  it.each<[string, Present, string | RegExp]>([
    [
      "an old record of a key that was disabled",
      narrowed({ disabled_at: 1_800_000_000 }),
      "This API key is disabled since 2027-01-15T08:00:00Z.",
    ],
    [
      "an old record of a key that has expired",
      narrowed({ exp: 1_700_000_000 }),
      "This API key expired at 2023-11-14T22:13:20Z.",
    ],
    [
      "an old record of a key that is for another audience by now",
      narrowed({ aud: [OTHER_AUDIENCE] }),
      "This API key may not be used for this audience.",
    ],
    [
      "an old record of a key that is for another client by now",
      narrowed({ clients: [OTHER_CLIENT_ID] }),
      "This API key may not be used by this client.",
    ],
    [
      "an old record of a key that is for another address by now",
      narrowed({ ip: ["203.0.113.0/24"] }),
      "This API key may not be used from this IP address.",
    ],
    [
      "an old record of a key that is an organization's by now",
      narrowed({ org_id: "org_acme" }),
      "This API key belongs to another organization.",
    ],
    [
      "an old record of a key that has other scopes by now",
      narrowed({ scope: "write:things" }),
      "This API key does not have the scope: read:things.",
    ],
    [
      "an old record of a key that has scopes by now, and a request for none",
      narrowed({ scope: "write:things" }, { scope: "" }),
      "This API key was asked for no scope by name. Ask again with its own: [scope: write:things]",
    ],
    [
      "the record of before a rotation without overlap, with the secret that leaked",
      async (key, id) => {
        const old = await get(recordKey(id));
        await rotateKey(s.keys, ADA, id, { overlapSeconds: 0 });
        await put(recordKey(id), old);
        return s.exchange(key);
      },
      "This API key was rotated, and its previous secret expired at once.",
    ],
    [
      "the record of before two rotations, with a secret that the entry has forgotten",
      async (key, id) => {
        const old = await get(recordKey(id));
        await rotateKey(s.keys, ADA, id, { overlapSeconds: 0 });
        await rotateKey(s.keys, ADA, id, { overlapSeconds: 0 });
        await put(recordKey(id), old);
        return s.exchange(key);
      },
      "This secret of the API key is not valid any more.",
    ],
    [
      "an entry with a member that is not known",
      afterStoring(async (id) => {
        const entry = (await s.keys.users.read(ADA)).keys.find((one) => one.id === id);
        await s.keys.users.write(ADA, [{ ...entry, later: 1 }]);
      }),
      "This API key was changed by a newer version of its software than the one that checks it.",
    ],
    ["a record that no entry confirms", afterStoring(forget), "This API key is not known for this user."],
    [
      "an old record that was put back after the key was revoked",
      async (key, id) => {
        const old = await get(recordKey(id));
        await revokeKey(s.keys, ADA, id, "leaked");
        await put(recordKey(id), old);
        return s.exchange(key);
      },
      /^This API key was revoked at 20/,
    ],
  ])("refuses %s", async (_, present, description) => {
    const { key, id } = await s.create(ADA, { lifetimeDays: 300 });
    const outcome = await counted(async () => present(key, id));
    expect([outcome.answer.status, outcome.answer.body, outcome.counted]).toEqual([
      403,
      {
        error: "access_denied",
        error_description:
          typeof description === "string" ? description : (expect.stringMatching(description) as string),
      },
      0,
    ]);
    await forget();
  });

  it("lets the address be, where Auth0 does not tell it: the exchange has judged it", async () => {
    const silent = await stage({ fidelity: ["post_login_request_ip=false"] });
    try {
      const inside = await silent.create(ADA, { ipRanges: [ADDRESS] });
      expect((await silent.exchange(inside.key)).status).toBe(200);
      const outside = await silent.create(ADA, { ipRanges: ["203.0.113.0/24"] });
      expect((await silent.exchange(outside.key)).status).toBe(400);
    } finally {
      await silent.stop();
    }
  });
});

test("a key that comes with an actor_token is refused: whose token that is, nobody has looked at", async () => {
  const { key } = await s.create(ADA);
  const actor = { actor_token: "x", actor_token_type: "urn:ietf:params:oauth:token-type:access_token" };
  const { status, body } = await s.exchange(key, actor);
  expect([status, body]).toEqual([
    400,
    { error: "invalid_request", error_description: "An API key is exchanged without an actor_token." },
  ]);
});

test("a key that is bound to an organization carries it into the token", async () => {
  const { key, id } = await s.create(ADA, { organizationId: "org_acme" });
  expect(claimsOf((await s.exchange(key)).body["access_token"])).toMatchObject({
    sub: ADA,
    org_id: "org_acme",
  });
  await revokeKey(s.keys, ADA, id, "the test is over");
});

test("ten guesses throttle an address, others go on, and it regains one attempt in ten minutes", async () => {
  const { key, id } = await s.create(ADA, { lifetimeDays: 300 });
  vi.setSystemTime(Date.now() + 86_400_000);
  const guess = otherSecret(key);
  for (let at = 0; at < 10; at++) expect((await s.exchange(guess)).body["error"]).toBe("invalid_request");
  const throttled = await s.exchange(key);
  expect([throttled.status, throttled.body["error"]]).toEqual([429, "too_many_attempts"]);
  vi.setSystemTime(Date.now() + 599_999);
  expect((await s.exchange(key)).status).toBe(429);
  vi.setSystemTime(Date.now() + 1);
  expect((await s.exchange(key)).status).toBe(200);
  expect((await s.exchange(guess)).status).toBe(400);
  expect((await s.exchange(key)).status).toBe(429);
  await revokeKey(s.keys, ADA, id, "the test is over");
});
