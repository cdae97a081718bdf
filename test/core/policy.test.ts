import { expect, it, test } from "vitest";

import type { KeyEntry } from "../../src/core/key-entry.ts";
import {
  refuseOversizedProfile,
  rotatedExpiry,
  termsOf,
  type NewKeyRequest,
  type Policy,
} from "../../src/core/policy.ts";

const NOW = 1_800_000_000;
const DAY = 86_400;
const API = "https://api.acme.example";
const policy: Policy = {
  maxKeysPerUser: 3,
  defaultLifetimeDays: 90,
  maxLifetimeDays: 366,
  allowNoExpiry: false,
  acceptForeignKeys: false,
  retentionDays: 30,
};
const deployment = {
  subjectTokenType: "urn:acme:api-key",
  keyPrefixes: ["acme_live"],
  apis: [
    { identifier: API, scopes: ["read:things", "write:things"] },
    { identifier: "https://billing", scopes: ["read:bills"] },
  ],
  clients: ["cli"],
};
const entry = (id: string, changes: Partial<KeyEntry> = {}): KeyEntry => ({
  id,
  name: id,
  hash: "h",
  v: 1,
  iat: NOW,
  exp: NOW + DAY,
  ...changes,
});
const three = [entry("AAAAAAAAAAAA"), entry("BBBBBBBBBBBB"), entry("CCCCCCCCCCCC")];
const terms = (
  request: Partial<NewKeyRequest>,
  entries: readonly KeyEntry[] = [],
  changed: Partial<Policy> = {},
) => termsOf({ name: "ci", ...request }, entries, { ...policy, ...changed }, deployment, NOW);

it.each<[string, Partial<NewKeyRequest>, object]>([
  ["the policy's lifetime by default", {}, { name: "ci", iat: NOW, exp: NOW + 90 * DAY }],
  ["the longest lifetime", { lifetimeDays: 366 }, { exp: NOW + 366 * DAY }],
  [
    "scopes once each, in order",
    { scope: "write:things  read:things write:things" },
    { scope: "write:things read:things" },
  ],
  ["the empty scope", { scope: "" }, { scope: "" }],
  [
    "restrictions",
    {
      audiences: [API],
      organizationId: "org_1",
      ipRanges: ["10.0.0.0/8", "2001:db8::/32"],
      clientIds: ["cli"],
    },
    { aud: [API], org_id: "org_1", ip: ["10.0.0.0/8", "2001:db8::/32"], clients: ["cli"] },
  ],
  ["a name of 64 characters", { name: "n".repeat(64) }, { name: "n".repeat(64) }],
])("gives %s", (_, request, expected) => {
  expect(terms(request)).toMatchObject(expected);
});

it.each<[string, Partial<NewKeyRequest>, string, string]>([
  ["an empty name", { name: "" }, "name_invalid", "64"],
  ["a name of 65 characters", { name: "n".repeat(65) }, "name_invalid", "64"],
  ["a name with a line break", { name: "a\nb" }, "name_invalid", "64"],
  [
    "a scope that does not exist",
    { scope: "read:things fly" },
    "scope_unknown",
    "read:things write:things read:bills",
  ],
  [
    "a scope of another API than its audience",
    { scope: "read:bills", audiences: [API] },
    "scope_unknown",
    "read:things write:things",
  ],
  ["an unknown audience", { audiences: ["https://x"] }, "audience_unknown", API],
  ["an unknown client", { clientIds: ["x"] }, "client_unknown", "cli"],
  ["an organization's name", { organizationId: "acme" }, "organization_invalid", "--org"],
  ["a bad range", { ipRanges: ["10.0.0.0/33"] }, "ip_range_invalid", "--ip"],
  ["an expiry in the past", { lifetimeDays: -1 }, "expiry_past", "366"],
  ["an expiry now", { lifetimeDays: 0 }, "expiry_past", "366"],
  ["a lifetime over the policy", { lifetimeDays: 367 }, "expiry_over_policy", "366"],
  ["no expiry", { lifetimeDays: "never" }, "no_expiry_refused", "366"],
])("refuses %s", (_, request, code, fix) => {
  expect(() => terms(request)).toThrow(expect.objectContaining({ code, fix: expect.stringContaining(fix) }));
});

test("no expiry where the policy allows it", () => {
  expect(terms({ lifetimeDays: "never" }, [], { allowNoExpiry: true })).not.toHaveProperty("exp");
});

test.each<[string, number | undefined, object, number | undefined]>([
  ["lives on for the default", NOW + 10 * DAY, {}, NOW + 90 * DAY],
  ["keeps its end where that is later", NOW + 300 * DAY, {}, NOW + 300 * DAY],
  [
    "ends with what a stricter policy allows a new one",
    NOW + 300 * DAY,
    { maxLifetimeDays: 30 },
    NOW + 30 * DAY,
  ],
  ["gets no longer than that", NOW + DAY, { maxLifetimeDays: 30 }, NOW + 30 * DAY],
  ["lives for ever where that is allowed", undefined, { allowNoExpiry: true }, undefined],
])("rotated without a lifetime, a key %s", (_, exp, changes, expected) => {
  const { exp: _exp, ...rest } = entry("AAAAAAAAAAAA");
  const before = { ...rest, ...(exp !== undefined && { exp }) };
  expect(rotatedExpiry(before, undefined, { ...policy, ...changes }, NOW)).toBe(expected);
});

test("a name has as many characters as it has when its letters are composed", () => {
  const name = "e\u0301".repeat(64);
  expect(terms({ name }).name).toHaveLength(64);
  expect(() => terms({ name: `${name}e` })).toThrow(expect.objectContaining({ code: "name_invalid" }));
});

test("living keys count towards the limit, dead ones do not", () => {
  expect(() => terms({}, three)).toThrow(expect.objectContaining({ code: "key_limit_reached" }));
  const [a, b, c] = three as [KeyEntry, KeyEntry, KeyEntry];
  expect(terms({}, [a, b, { ...c, exp: NOW }])).toBeDefined();
  expect(terms({}, [a, b, { ...c, revoked_at: NOW }])).toBeDefined();
});

test("a name is taken by a living key only", () => {
  expect(() => terms({ name: "AAAAAAAAAAAA" }, three.slice(0, 1))).toThrow(
    expect.objectContaining({ code: "name_taken" }),
  );
  expect(terms({ name: "AAAAAAAAAAAA" }, [entry("AAAAAAAAAAAA", { revoked_at: NOW })])).toBeDefined();
});

test("app_metadata may have 8192 bytes and not one more, and is told how many of them the deployment's keys are", () => {
  const empty = '{"pad":"","api_keys":["other"],"api_keys_billing":[1,2]}';
  const filled = (bytes: number) => ({
    pad: "x".repeat(bytes - empty.length),
    api_keys: ["other"],
    api_keys_billing: [1, 2],
  });
  expect(() => refuseOversizedProfile(filled(8192), "api_keys_billing")).not.toThrow();
  expect(() => refuseOversizedProfile(filled(8193), "api_keys_billing")).toThrow(
    expect.objectContaining({
      code: "profile_too_large",
      message: expect.stringContaining("8193 bytes (5 of them API keys)"),
    }),
  );
});
