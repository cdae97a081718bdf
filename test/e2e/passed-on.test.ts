import { afterAll, beforeAll, describe, expect, it, test, vi } from "vitest";

import { ApiKeyGateway } from "../../src/client/gateway.ts";
import { KillSwitch } from "../../src/client/kill-switch.ts";
import { recordOf } from "../../src/core/key-record.ts";
import type { NewKeyRequest } from "../../src/core/policy.ts";
import { disableKey } from "../../src/keys/disable.ts";
import { showKey } from "../../src/keys/list.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { rotateKey } from "../../src/keys/rotate.ts";
import { newResourceServer } from "../../src/local/management/resource-servers.ts";
import { clientOf, connectApis, passOn } from "../support/hops.ts";
import { putRecord } from "../support/records.ts";
import { ADA, claimsOf, stage, type Answer, type Stage } from "../support/stage.ts";

const THINGS = "https://api.acme.example";
const BILLS = "https://billing.acme.example";
/** An API of the tenant that no key is for. */
const OUTSIDE = "https://outside.acme.example";
const ALL = {
  [THINGS]: "read:things write:things",
  [BILLS]: "read:bills pay:bills",
  [OUTSIDE]: "read:secrets",
} as const;
const ORGANIZATION = "org_acme";

let s: Stage;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 22) });
  s = await stage({
    // A hop more than Auth0 may allow: what a key is does not rest on its limit.
    fidelity: ["max_delegation_depth=5"],
    config: {
      apis: [
        { identifier: THINGS, scopes: { "read:things": "Read", "write:things": "Write" } },
        { identifier: BILLS, scopes: { "read:bills": "Read", "pay:bills": "Pay" } },
      ],
      policy: { maxKeysPerUser: 50, allowNoExpiry: true },
    },
  });
  const { tenant } = s.local;
  const outside = {
    scopes: [{ value: "read:secrets" }],
    skip_consent_for_verifiable_first_party_clients: true,
  };
  tenant.resourceServers.set(OUTSIDE, newResourceServer(tenant, OUTSIDE, outside));
  connectApis(s, [THINGS, BILLS, OUTSIDE]);
  tenant.organizations.set(ORGANIZATION, {
    id: ORGANIZATION,
    name: "acme",
    display_name: "Acme",
    members: new Set([ADA]),
    enabledConnections: new Set(tenant.connections.keys()),
  });
});
afterAll(async () => {
  await s.stop();
  vi.useRealTimers();
});

interface Kind {
  readonly make?: Partial<NewKeyRequest>;
  /** What happens before the last hop. */
  readonly change?: (id: string) => Promise<unknown>;
  /** What the key itself is exchanged for: a key is refused what it does not have, and an API gets what there is. */
  readonly asks?: Readonly<Record<string, string>>;
}
const kinds = {
  scoped: {
    make: { scope: "read:things read:bills" },
    asks: { [THINGS]: "read:things", [BILLS]: "read:bills" },
  },
  unscoped: {},
  "bound to the first API": { make: { audiences: [THINGS] } },
  revoked: { change: async (id) => revokeKey(s.keys, ADA, id, "leaked") },
  disabled: { change: async (id) => disableKey(s.keys, ADA, id) },
  expired: {
    make: { lifetimeDays: 0.25 },
    change: async () => vi.setSystemTime(Date.now() + 6 * 3_600_000),
  },
  "of an organization": { make: { organizationId: ORGANIZATION } },
  "for an API that was removed too": {
    make: { audiences: [THINGS] },
    change: async (id) => allowRemoved(id),
  },
} as const satisfies Record<string, Kind>;

const nexts = {
  "its first API": THINGS,
  "another of the deployment": BILLS,
  "another of the tenant": OUTSIDE,
};

/** What the token says, or how it is refused: after 0 hops by the exchange's Action, later by post-login's. */
type Outcome = string;
const R = "read:things";
const RW = "read:things write:things";
const B = "read:bills";
const BP = "read:bills pay:bills";
const NO = "403 access_denied";
const BAD_TARGET = "400 invalid_target";
const ENDED = "400 invalid_request";

// prettier-ignore
const matrix: readonly [keyof typeof kinds, keyof typeof nexts, readonly [Outcome, Outcome, Outcome, Outcome, Outcome]][] = [
  ["scoped", "its first API", [R, R, R, R, R]],
  ["scoped", "another of the deployment", [B, B, B, B, B]],
  ["scoped", "another of the tenant", [BAD_TARGET, NO, NO, NO, NO]],
  ["unscoped", "its first API", [RW, RW, RW, RW, RW]],
  ["unscoped", "another of the deployment", [BP, BP, BP, BP, BP]],
  ["unscoped", "another of the tenant", [BAD_TARGET, NO, NO, NO, NO]],
  ["bound to the first API", "its first API", [RW, RW, RW, RW, RW]],
  ["bound to the first API", "another of the deployment", [BAD_TARGET, NO, NO, NO, NO]],
  ["bound to the first API", "another of the tenant", [BAD_TARGET, NO, NO, NO, NO]],
  ["revoked", "its first API", [ENDED, NO, NO, NO, NO]],
  ["revoked", "another of the deployment", [ENDED, NO, NO, NO, NO]],
  ["revoked", "another of the tenant", [ENDED, NO, NO, NO, NO]],
  ["disabled", "its first API", [ENDED, NO, NO, NO, NO]],
  ["disabled", "another of the deployment", [ENDED, NO, NO, NO, NO]],
  ["disabled", "another of the tenant", [ENDED, NO, NO, NO, NO]],
  ["expired", "its first API", [ENDED, NO, NO, NO, NO]],
  ["expired", "another of the deployment", [ENDED, NO, NO, NO, NO]],
  ["expired", "another of the tenant", [ENDED, NO, NO, NO, NO]],
  ["of an organization", "its first API", [RW, RW, RW, RW, RW]],
  ["of an organization", "another of the deployment", [BP, BP, BP, BP, BP]],
  ["of an organization", "another of the tenant", [BAD_TARGET, NO, NO, NO, NO]],
  ["for an API that was removed too", "its first API", [RW, RW, RW, RW, RW]],
  ["for an API that was removed too", "another of the deployment", [BAD_TARGET, NO, NO, NO, NO]],
  ["for an API that was removed too", "another of the tenant", [BAD_TARGET, NO, NO, NO, NO]],
];
const cells = matrix.flatMap(([kind, next, outcomes]) =>
  outcomes.map((outcome, hops) => ({ kind, next, hops, outcome })),
);

/** The key is for an API, by both stores, that is not in the configuration any more, and still in the tenant. */
async function allowRemoved(id: string): Promise<void> {
  const entry = { ...(await showKey(s.keys, ADA, id)), aud: [THINGS, OUTSIDE] };
  await s.keys.users.write(ADA, [entry]);
  await putRecord(s.keys, recordOf(ADA, entry));
}

/** A token of the key at its first API, passed on so many times there. */
async function tokenAfter(hops: number, key: string, asks: string = RW): Promise<unknown> {
  let { body } = await s.exchange(key, { audience: THINGS, scope: asks });
  for (let hop = 0; hop < hops; hop++) {
    ({ body } = await passOn(s, THINGS, body["access_token"], { audience: THINGS, scope: RW }));
  }
  expect(body).toHaveProperty("access_token");
  return body["access_token"];
}

describe(`what a key is at every hop: ${cells.length} cells`, () => {
  it.each(cells)("a key that is $kind, after $hops hops, to $next: $outcome", async (cell) => {
    const { make = {}, change, asks = {} }: Kind = kinds[cell.kind];
    const { key, id } = await s.create(ADA, make);
    const audience = nexts[cell.next];
    const scope = cell.hops === 0 ? (asks[audience] ?? ALL[audience as keyof typeof ALL]) : undefined;
    const before = cell.hops === 0 ? undefined : await tokenAfter(cell.hops - 1, key, asks[THINGS]);
    await change?.(id);
    const answer =
      before === undefined
        ? await s.exchange(key, { audience, scope })
        : await passOn(s, THINGS, before, { audience, scope: ALL[audience as keyof typeof ALL] });
    expect(outcomeOf(answer)).toBe(cell.outcome);
    if (answer.status === 200) {
      const claims = claimsOf(answer.body["access_token"]);
      expect(claims).toMatchObject({ sub: ADA, aud: audience });
      expect(claims["org_id"]).toBe(cell.kind === "of an organization" ? ORGANIZATION : undefined);
      expect(actorsOf(claims)).toEqual([
        ...Array.from({ length: cell.hops }, () => clientOf(THINGS)),
        `api-key|${id}`,
      ]);
    }
    await s.keys.users.write(ADA, []);
  });
});

function outcomeOf({ status, body }: Answer): Outcome {
  return status === 200
    ? String(claimsOf(body["access_token"])["scope"])
    : `${status} ${String(body["error"])}`;
}

function actorsOf(claims: { readonly act?: unknown }): readonly string[] {
  const { sub, act } = claims.act as { sub: string; act?: unknown };
  return [sub, ...(act === undefined ? [] : actorsOf({ act }))];
}

test("who names no scope gets none beyond the key's: of a scoped key nothing, of another what it has", async () => {
  const scoped = await s.create(ADA, { scope: "read:things read:bills" });
  const hop = async (key: string, asks?: string) =>
    passOn(s, THINGS, await tokenAfter(0, key, asks), { audience: BILLS });
  const refused = await hop(scoped.key, R);
  expect([refused.status, refused.body["error_description"]]).toEqual([
    403,
    "This API key was asked for no scope by name. Ask again with its own: [scope: read:bills]",
  ]);
  expect(outcomeOf(await hop((await s.create(ADA)).key))).toBe(BP);
});

test("a client and an address are judged where the key is presented, and never again", async () => {
  const { key } = await s.create(ADA, {
    clientIds: ["acmeCommandLineClient00000000001"],
    ipRanges: ["127.0.0.1"],
  });
  expect(outcomeOf(await passOn(s, THINGS, await tokenAfter(0, key), { audience: THINGS, scope: R }))).toBe(
    R,
  );
});

test("a token of a secret that leaked goes no further once the key has another", async () => {
  const { key, id } = await s.create(ADA);
  const token = await tokenAfter(1, key);
  await rotateKey(s.keys, ADA, id, { overlapSeconds: 60 });
  const again = async () => outcomeOf(await passOn(s, THINGS, token, { audience: THINGS, scope: R }));
  expect(await again()).toBe(R);
  vi.setSystemTime(Date.now() + 60_000);
  expect(await again()).toBe(NO);
});

test("a user's own token is passed on untouched", async () => {
  const { tenant } = s.local;
  const action = [...tenant.actions.values()].find(({ version }) => version.trigger === "post-login");
  const event = {
    transaction: {
      protocol: "oauth2-token-exchange",
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      actor: { sub: clientOf(THINGS), act: { sub: "spa" } },
    },
    user: { user_id: ADA },
  };
  // Without an api, whatever the Action would do with it throws.
  await expect(action?.handler()(event, {})).resolves.toBeUndefined();
});

describe.each([0, 1, 2, 3, 4])("a token that was passed on %i times", (hops) => {
  test("is refused by the kill switch and by a gateway with one, once the key is revoked", async () => {
    const { key, id } = await s.create(ADA);
    const token = String(await tokenAfter(hops, key));
    const killSwitch = new KillSwitch({
      redis: { command: async (...words) => s.local.redis.execute(words) },
      maxAgeMs: 0,
    });
    const none = async () => Promise.reject(new Error("no key was sent"));
    const source = { getToken: none, drop: none };
    const { issuer } = s.local.description;
    const gateway = new ApiKeyGateway({ source: source as never, issuer, audience: THINGS, killSwitch });
    const ask = async () => [
      await killSwitch.refuse(claimsOf(token)),
      await gateway.authorize({ method: "GET", url: "/", headers: { authorization: `Bearer ${token}` } }),
    ];
    expect(await ask()).toEqual([undefined, { kind: "untouched" }]);
    await revokeKey(s.keys, ADA, id, "leaked");
    const refused = { kind: "refused", status: 401, body: { error: "invalid_token" } };
    expect(await ask()).toMatchObject([refused, refused]);
    await s.keys.users.write(ADA, []);
  });
});
