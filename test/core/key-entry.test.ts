import { describe, expect, it } from "vitest";

import { isExpiringWithin, keyEntriesOf, type KeyEntry } from "../../src/core/key-entry.ts";
import { openRecord, recordExpiresAtSeconds, sealRecord, type KeyRecord } from "../../src/core/key-record.ts";
import { parsePeppers } from "../../src/core/peppers.ts";

const PEPPERS = parsePeppers(Buffer.alloc(32, 7).toString("base64url"));
const PLAIN: KeyEntry = { id: "k".repeat(12), name: "laptop", hash: "h".repeat(43), v: 1, iat: 1 };
const FULL: KeyEntry = {
  ...PLAIN,
  exp: 2,
  scope: "",
  aud: ["https://api"],
  org_id: "org_1",
  ip: ["10.0.0.0/8"],
  clients: ["cli"],
  revoked_at: 3,
  revoked_reason: "lost",
  disabled_at: 4,
  previous: { hash: "p".repeat(43), v: 1, exp: 5 },
};
// The last moment of a Date, and one second after it.
const LAST_SECONDS = 8.64e12;

const MALFORMED: readonly [string, object][] = [
  ["no id", { id: undefined }],
  ["an id that is none", { id: "short" }],
  ["a hash that is no text", { hash: 1 }],
  ["no pepper version", { v: undefined }],
  ["a pepper version that is text", { v: "1" }],
  ["a moment between two seconds", { iat: 1.5 }],
  ["a moment before 1970", { iat: -1 }],
  ["a moment after all dates", { iat: LAST_SECONDS + 1 }],
  ["no moment at all", { iat: Number.NaN }],
  ["an end that is text", { exp: "2" }],
  ["an end that is null", { exp: null }],
  ["scopes as a list", { scope: ["read:things"] }],
  // As text it would hold a part of each of its audiences.
  ["audiences as text", { aud: "https://api.acme.example" }],
  ["an audience that is no text", { aud: ["https://api", 1] }],
  ["an organization that is no text", { org_id: 1 }],
  ["addresses as text", { ip: "10.0.0.0/8" }],
  ["clients as text", { clients: "cli" }],
  ["a revocation that is no moment", { revoked_at: true }],
  ["a reason that is no text", { revoked_reason: 1 }],
  ["a disabling that is no moment", { disabled_at: "now" }],
  ["a previous secret that is text", { previous: "p" }],
  ["a previous secret without its hash", { previous: { v: 1, exp: 5 } }],
  ["a previous secret without its pepper", { previous: { hash: "p", exp: 5 } }],
  ["a previous secret without its end", { previous: { hash: "p", v: 1 } }],
];

describe("entries that others may have written into app_metadata", () => {
  it("are read if they are whole, with all that an entry can have or with the least", () => {
    const entries = [PLAIN, FULL, { ...PLAIN, iat: LAST_SECONDS }];
    expect(keyEntriesOf({ api_keys: entries, other: 1 })).toEqual(entries);
  });

  it.each<[string, object]>([...MALFORMED, ["no name", { name: undefined }]])(
    "with %s are none, and the others are still read",
    (_, change) => {
      expect(keyEntriesOf({ api_keys: [{ ...FULL, ...change }, PLAIN] })).toEqual([PLAIN]);
    },
  );

  it.each([undefined, null, "text", [], { api_keys: {} }, { api_keys: null }, { api_keys: [null, [], 1] }])(
    "%j holds none",
    (appMetadata) => {
      expect(keyEntriesOf(appMetadata)).toEqual([]);
    },
  );
});

describe("a record, even one with our seal", () => {
  const { name: _, ...rest } = FULL;
  const record: KeyRecord = { ...rest, sub: "auth0|ada" };

  it("is opened if it is whole", () => {
    expect(openRecord(sealRecord(record, PEPPERS), record.id, PEPPERS)).toEqual(record);
  });

  it.each<[string, object]>([...MALFORMED, ["no user", { sub: undefined }]])(
    "with %s is not opened",
    (_label, change) => {
      const sealed = sealRecord({ ...record, ...change }, PEPPERS);
      expect(openRecord(sealed, record.id, PEPPERS)).toBeUndefined();
    },
  );

  it("is not opened as that of another key", () => {
    expect(openRecord(sealRecord(record, PEPPERS), "o".repeat(12), PEPPERS)).toBeUndefined();
  });

  it.each<[string, Partial<KeyRecord>, number | undefined]>([
    ["never ends", {}, undefined],
    ["never ends, and was revoked", { revoked_at: 50 }, undefined],
    ["ends", { exp: 100 }, 107],
    ["was revoked before its end", { exp: 100, revoked_at: 50 }, 107],
    ["was revoked after its end", { exp: 100, revoked_at: 150 }, 157],
  ])("of a key that %s may be forgotten in time", (_label, change, expected) => {
    const { exp: _exp, revoked_at: _revoked, ...endless } = record;
    expect(recordExpiresAtSeconds({ ...endless, ...change }, 7)).toBe(expected);
  });
});

it.each<[string, Partial<KeyEntry>, boolean]>([
  ["without an end", {}, false],
  ["that ends now", { exp: 100 }, false],
  ["that ends in a second", { exp: 101 }, true],
  ["that ends with the time that is looked at", { exp: 110 }, true],
  ["that ends later", { exp: 111 }, false],
  ["that has ended", { exp: 99 }, false],
  ["that was revoked", { exp: 105, revoked_at: 50 }, false],
  ["that is disabled", { exp: 105, disabled_at: 50 }, true],
])("a key %s expires within ten seconds: %s → %s", (_label, change, expected) => {
  expect(isExpiringWithin({ ...PLAIN, ...change }, 100, 10)).toBe(expected);
});
