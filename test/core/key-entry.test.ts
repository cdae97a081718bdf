import { createHmac } from "node:crypto";

import { describe, expect, it } from "vitest";

import { isExpiringWithin, readEntries, type KeyEntry } from "../../src/core/key-entry.ts";
import {
  openRecord,
  recordExpiresAtSeconds,
  recordOf,
  sealRecord,
  type KeyRecord,
} from "../../src/core/key-record.ts";
import { parsePeppers } from "../../src/core/peppers.ts";

const PEPPERS = parsePeppers(Buffer.alloc(32, 7).toString("base64url"));
const PLAIN: KeyEntry = { id: "k".repeat(12), name: "laptop", hash: "h".repeat(43), v: 1, iat: 1 };
const FULL: KeyEntry = {
  ...PLAIN,
  prefix: "acme_live",
  exp: 2,
  scope: "",
  aud: ["https://api"],
  org_id: "org_1",
  ip: ["10.0.0.0/8"],
  clients: ["cli"],
  revoked_at: 3,
  revoked_reason: "lost",
  disabled_at: 4,
  previous: { hash: "p".repeat(43), v: 1, exp: 5, prefix: "acme_old" },
};
// The last moment of a Date, and one second after it.
const LAST_SECONDS = 8.64e12;

const MALFORMED: readonly [string, object][] = [
  ["no id", { id: undefined }],
  ["an id that is none", { id: "short" }],
  ["a hash that is no text", { hash: 1 }],
  ["no pepper version", { v: undefined }],
  ["a pepper version that is text", { v: "1" }],
  ["a prefix that is no text", { prefix: ["acme"] }],
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
  ["a previous secret with a prefix that is no text", { previous: { hash: "p", v: 1, exp: 5, prefix: 1 } }],
];

// What a later version may add, and what JSON may hold that no program of ours has ever written.
const UNKNOWN: readonly [string, object][] = [
  ["a member that is not known", { only_on_mondays: true }],
  ["one that says nothing", { later: null }],
  ["one in other letters", { SCOPE: "" }],
  ["one that every object has", { toString: 1 }],
  ["one that is named like a prototype", JSON.parse('{"__proto__":1}') as object],
  ["one inside its previous secret", { previous: { hash: "p", v: 1, exp: 5, later: [] } }],
  ["one of the key's own inside its previous secret", { previous: { hash: "p", v: 1, exp: 5, ip: [] } }],
];

describe("entries that others may have written into app_metadata", () => {
  it("are read if they are whole, with all that an entry can have or with the least", () => {
    const entries = [PLAIN, FULL, { ...PLAIN, iat: LAST_SECONDS }];
    expect(readEntries(entries)).toEqual({ known: entries, newer: [] });
  });

  it.each<[string, object]>([...MALFORMED, ["no name", { name: undefined }]])(
    "with %s are none, and the others are still read",
    (_, change) => {
      const malformed = [
        { ...FULL, ...change },
        { ...FULL, ...change, later: 1 },
      ];
      expect(readEntries([...malformed, PLAIN])).toEqual({ known: [PLAIN], newer: [] });
    },
  );

  it.each<[string, object]>([...UNKNOWN, ["a user", { sub: "auth0|ada" }]])(
    "with %s are of a newer version, and the others are still known",
    (_, members) => {
      const later = { ...FULL, ...members };
      expect(readEntries([later, PLAIN])).toEqual({ known: [PLAIN], newer: [later] });
    },
  );

  it.each([undefined, null, "text", 1, {}, { 0: PLAIN, length: 1 }, [], [null, [], 1, "text"]])(
    "%j holds none",
    (list) => {
      expect(readEntries(list)).toEqual({ known: [], newer: [] });
    },
  );
});

const RECORD = {
  sub: "auth0|ada",
  id: "k".repeat(12),
  hash: "h".repeat(43),
  v: 1,
  prefix: "acme_live",
  iat: 1,
  exp: 2,
  scope: "",
  aud: ["https://api"],
  org_id: "org_1",
  ip: ["10.0.0.0/8"],
  clients: ["cli"],
  revoked_at: 3,
  revoked_reason: "lost",
  disabled_at: 4,
  previous: { hash: "p".repeat(43), v: 1, exp: 5, prefix: "acme_old" },
};
const LEAST = { sub: "auth0|ada", id: "k".repeat(12), hash: "h".repeat(43), v: 1, iat: 1 };

/** A text of a form with our seal over it, made by hand: what stands in front of it may be sealed as well. */
function sealed(value: object, form = "v1", inFront = ""): string {
  const text = JSON.stringify(value);
  const seal = createHmac("sha256", PEPPERS.current.sealKey).update(inFront + text);
  return `${form}.${seal.digest("base64url")}.${text}`;
}
const open = (text: string | null) => openRecord(text, RECORD.id, PEPPERS);

describe("the record of an entry", () => {
  it("has all that an entry can have, but its name", () => {
    expect(recordOf("auth0|ada", FULL)).toStrictEqual(RECORD);
  });

  it("has nothing that the entry does not have", () => {
    const absent = { ...PLAIN, exp: undefined, previous: undefined } as unknown as KeyEntry;
    expect(recordOf("auth0|ada", PLAIN)).toStrictEqual(LEAST);
    expect(recordOf("auth0|ada", absent)).toStrictEqual(LEAST);
  });

  it("has no text that somebody else has put into the entry, and no other user", () => {
    const others = { note: "a text", "": "a text", toString: "a text", sub: "auth0|grace" };
    expect(recordOf("auth0|ada", { ...FULL, ...others })).toStrictEqual(RECORD);
  });
});

describe("a record, even one with our seal", () => {
  it.each([RECORD, LEAST])("is opened if it is whole: %j", (record) => {
    expect(open(sealed(record))).toEqual({ kind: "trusted", record });
    expect(open(sealRecord(record, PEPPERS))).toEqual({ kind: "trusted", record });
  });

  it("is missing where there is none", () => {
    expect(open(null)).toEqual({ kind: "missing" });
  });

  it.each<[string, object]>([
    ...MALFORMED,
    ["no user", { sub: undefined }],
    ["a user that is none", { sub: 1 }],
  ])("with %s is not opened, and is not of a newer version either", (_label, change) => {
    expect(open(sealed({ ...RECORD, ...change }))).toEqual({ kind: "untrusted" });
    expect(open(sealed({ ...RECORD, ...change, later: 1 }))).toEqual({ kind: "untrusted" });
  });

  it("is not opened as that of another key, and is not of a newer version either", () => {
    const another = { ...RECORD, id: "o".repeat(12) };
    expect(open(sealed(another))).toEqual({ kind: "untrusted" });
    expect(open(sealed({ ...another, later: 1 }))).toEqual({ kind: "untrusted" });
  });

  it.each<[string, object]>([...UNKNOWN, ["a name", { name: "laptop" }]])(
    "with %s is of a newer version, and says what it holds",
    (_label, members) => {
      const later = { ...RECORD, ...members };
      expect(open(sealed(later))).toEqual({ kind: "newer", json: later });
    },
  );

  it("with a member that is not known is altered where its seal does not hold", () => {
    const later = sealed({ ...RECORD, later: 1 });
    expect(open(later.replace('"later":1', '"later":2'))).toEqual({ kind: "untrusted" });
  });

  it("of a later form is of a newer version, says nothing, and cannot be passed off as one of this form", () => {
    const later = sealed(RECORD, "v2", "v2.");
    expect(open(later)).toStrictEqual({ kind: "newer" });
    expect(open(later.replace("v2.", "v1."))).toEqual({ kind: "untrusted" });
  });

  it.each<[string, Partial<KeyRecord>, number | undefined]>([
    ["never ends", {}, undefined],
    ["never ends, and was revoked", { revoked_at: 50 }, undefined],
    ["ends", { exp: 100 }, 107],
    ["was revoked before its end", { exp: 100, revoked_at: 50 }, 107],
    ["was revoked after its end", { exp: 100, revoked_at: 150 }, 157],
  ])("of a key that %s may be forgotten in time", (_label, change, expected) => {
    const { exp: _exp, revoked_at: _revoked, ...endless } = RECORD;
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
