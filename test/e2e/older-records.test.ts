import { randomBytes } from "node:crypto";

import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

import { ApiKey } from "../../src/core/api-key.ts";
import type { KeyEntry } from "../../src/core/key-entry.ts";
import { recordKey, recordOf, sealRecord } from "../../src/core/key-record.ts";
import { hashKey } from "../../src/core/peppers.ts";
import { connectApis, passOn } from "../support/hops.ts";
import {
  ADA,
  AUDIENCE,
  claimsOf,
  CLIENT_ID,
  OTHER_AUDIENCE,
  OTHER_CLIENT_ID,
  setMetadata,
  stage,
  type Answer,
  type Stage,
} from "../support/stage.ts";

const LIVES = Number(process.env["OLDER_RECORD_LIVES"] ?? 150);
const SCOPES = ["read:things", "write:things", "read:bills"] as const;
const OF_API: Readonly<Record<string, readonly string[]>> = {
  [AUDIENCE]: ["read:things", "write:things", "delete:things"],
  [OTHER_AUDIENCE]: ["read:bills"],
};
const ORGANIZATIONS = ["org_acme", "org_umbrella"] as const;

let s: Stage;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 22) });
  s = await stage();
  connectApis(s, [AUDIENCE, OTHER_AUDIENCE]);
  for (const id of ORGANIZATIONS) {
    const enabledConnections = new Set(s.local.tenant.connections.keys());
    s.local.tenant.organizations.set(id, {
      id,
      name: id.slice(4),
      display_name: id,
      members: new Set([ADA]),
      enabledConnections,
    });
  }
});
afterAll(async () => {
  await s.stop();
  vi.useRealTimers();
});

/** What may be said of a key, in plain terms: written apart from the product, to hold it against. */
interface Truth {
  readonly isRevoked: boolean;
  readonly isDisabled: boolean;
  readonly expSeconds: number | undefined;
  readonly audiences: readonly string[] | undefined;
  readonly clients: readonly string[] | undefined;
  readonly isFromHere: boolean | undefined;
  readonly organization: string | undefined;
  readonly scopes: readonly string[] | undefined;
  /** Which of its secrets: places in the list of all that it ever had. */
  readonly current: number;
  readonly previous: { readonly secret: number; readonly untilSeconds: number } | undefined;
}
type Step =
  | { readonly kind: "change"; readonly to: Partial<Truth> }
  | { readonly kind: "rotate"; readonly overlapSeconds: number }
  | { readonly kind: "live"; readonly forSeconds: number }
  | { readonly kind: "wait"; readonly seconds: number };

const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
const change = (to: Readonly<Record<string, fc.Arbitrary<unknown>>>) =>
  fc.record({ kind: fc.constant("change" as const), to: fc.record(to) }) as fc.Arbitrary<Step>;
const steps: fc.Arbitrary<Step> = fc.oneof(
  change({ isRevoked: fc.constant(true) }),
  change({ isDisabled: fc.boolean() }),
  change({ audiences: maybe(fc.subarray([AUDIENCE, OTHER_AUDIENCE], { minLength: 1 })) }),
  change({ clients: maybe(fc.subarray([CLIENT_ID, OTHER_CLIENT_ID], { minLength: 1 })) }),
  change({ isFromHere: maybe(fc.boolean()) }),
  change({ organization: maybe(fc.constantFrom(...ORGANIZATIONS)) }),
  change({ scopes: maybe(fc.subarray([...SCOPES])) }),
  fc.record({ kind: fc.constant("rotate" as const), overlapSeconds: fc.constantFrom(0, 60, 3_600) }),
  fc.record({ kind: fc.constant("live" as const), forSeconds: fc.integer({ min: 1, max: 7_200 }) }),
  fc.record({ kind: fc.constant("wait" as const), seconds: fc.integer({ min: 1, max: 3_600 }) }),
);
const requests = fc.record({
  audience: fc.constantFrom(AUDIENCE, OTHER_AUDIENCE),
  client_id: fc.constantFrom(CLIENT_ID, OTHER_CLIENT_ID),
  organization: maybe(fc.constantFrom(...ORGANIZATIONS)),
  scope: fc.subarray([...SCOPES]).map((scopes) => scopes.join(" ") || undefined),
});
const lives = fc.array(
  fc.record({
    step: steps,
    /** Which of the records that it has had is put back, and which of its secrets is shown. */
    record: fc.nat(),
    secret: fc.nat(),
    request: requests,
  }),
  { minLength: 2, maxLength: 8 },
);

const nowSeconds = () => Math.floor(Date.now() / 1000);
/** What must never be exceeded: the scopes that a use may get at most; `undefined` for no use at all. */
function atMost(
  truth: Truth,
  secret: number,
  audience: string,
  organization: string | undefined,
  client: string | undefined,
): readonly string[] | undefined {
  const now = nowSeconds();
  const isSecret =
    secret === truth.current || (truth.previous?.secret === secret && now < truth.previous.untilSeconds);
  const isOn =
    !truth.isRevoked && !truth.isDisabled && (truth.expSeconds === undefined || now < truth.expSeconds);
  const isPlace =
    client === undefined || ((truth.clients?.includes(client) ?? true) && truth.isFromHere !== false);
  const isFor =
    (truth.audiences?.includes(audience) ?? true) &&
    (truth.organization === undefined || truth.organization === organization);
  if (!isSecret || !isOn || !isPlace || !isFor) return undefined;
  return (OF_API[audience] ?? []).filter((scope) => truth.scopes?.includes(scope) ?? true);
}

function entryOf(id: string, truth: Truth, secrets: readonly string[]): KeyEntry {
  const pepper = s.settings.peppers.current;
  const hashOf = (at: number) => ({ hash: hashKey(secrets[at] ?? "", pepper), v: pepper.version });
  return {
    id,
    name: "one",
    iat: 1,
    ...hashOf(truth.current),
    ...(truth.previous && {
      previous: { ...hashOf(truth.previous.secret), exp: truth.previous.untilSeconds },
    }),
    ...(truth.isRevoked && { revoked_at: 1 }),
    ...(truth.isDisabled && { disabled_at: 1 }),
    ...(truth.expSeconds !== undefined && { exp: truth.expSeconds }),
    ...(truth.audiences && { aud: truth.audiences }),
    ...(truth.clients && { clients: truth.clients }),
    ...(truth.isFromHere !== undefined && { ip: [truth.isFromHere ? "127.0.0.1" : "203.0.113.1"] }),
    ...(truth.organization !== undefined && { org_id: truth.organization }),
    ...(truth.scopes && { scope: truth.scopes.join(" ") }),
  };
}

function take(truth: Truth, step: Step, secrets: number): Truth {
  switch (step.kind) {
    case "change":
      return { ...truth, ...step.to };
    case "rotate": {
      const previous = { secret: truth.current, untilSeconds: nowSeconds() + step.overlapSeconds };
      return { ...truth, current: secrets, previous };
    }
    case "live":
      return { ...truth, expSeconds: nowSeconds() + step.forSeconds };
    case "wait":
      vi.setSystemTime(Date.now() + step.seconds * 1000);
      return truth;
  }
}

const counts = { lives: 0, exchanges: 0, hops: 0, granted: 0, refusedByRecord: 0, refusedByEntry: 0 };

/** Holds an answer against what may be had at most. Says whether there was a token. */
function hold({ status, body }: Answer, most: readonly string[] | undefined, what: string): boolean {
  if (status !== 200) {
    counts[body["error"] === "access_denied" ? "refusedByEntry" : "refusedByRecord"]++;
    return false;
  }
  const { scope = "" } = claimsOf(body["access_token"]) as { scope?: string };
  const got = scope.split(" ").filter((one) => one !== "");
  expect(
    got.filter((one) => most?.includes(one) !== true),
    what,
  ).toEqual([]);
  expect(most, what).toBeDefined();
  counts.granted++;
  return true;
}

test(`an older record, put back at any moment of ${LIVES} lives, gives nothing beyond what the entry allows`, async () => {
  const { redis } = s.local;
  await fc.assert(
    fc.asyncProperty(lives, async (life) => {
      const made = ApiKey.generate("acme_live", randomBytes);
      const { id } = made;
      const secrets = [made.reveal()];
      let truth: Truth = {
        isRevoked: false,
        isDisabled: false,
        expSeconds: undefined,
        audiences: undefined,
        clients: undefined,
        isFromHere: undefined,
        organization: undefined,
        scopes: undefined,
        current: 0,
        previous: undefined,
      };
      const records: string[] = [];
      const write = () => {
        const entry = entryOf(id, truth, secrets);
        setMetadata(s, ADA, { api_keys: [entry] });
        records.push(sealRecord(recordOf(ADA, entry), s.settings.peppers));
      };
      write();
      let token:
        | { readonly text: unknown; readonly secret: number; readonly organization: unknown }
        | undefined;
      for (const { step, record, secret, request } of life) {
        truth = take(truth, step, secrets.length);
        if (step.kind === "rotate") secrets.push(ApiKey.generate("acme_live", randomBytes, id).reveal());
        write();
        await redis.execute(["SET", recordKey(id), records[record % records.length] ?? ""]);
        const shown = secret % secrets.length;
        const what = JSON.stringify({ truth, shown, request, record: records[record % records.length] });
        const answer = await s.exchange(secrets[shown] ?? "", request);
        const { org_id } = answer.status === 200 ? claimsOf(answer.body["access_token"]) : {};
        const { audience, client_id } = request;
        const most = atMost(truth, shown, audience, org_id as string | undefined, client_id);
        counts.exchanges++;
        if (hold(answer, most, what) && audience === AUDIENCE) {
          token = { text: answer.body["access_token"], secret: shown, organization: org_id };
        }
        // Every older token is passed on as well: no record is asked there.
        if (!token) continue;
        const hop = await passOn(s, AUDIENCE, token.text, { audience, scope: request.scope });
        const organization = token.organization as string | undefined;
        counts.hops++;
        hold(hop, atMost(truth, token.secret, audience, organization, undefined), `passed on: ${what}`);
      }
      counts.lives++;
    }),
    { numRuns: LIVES },
  );
  // Not for nothing: each of the two looks refused what the other could not see, and much was granted.
  expect(counts.lives).toBe(LIVES);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(LIVES / 10);
});
