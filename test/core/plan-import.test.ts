import { expect, it } from "vitest";

import type { Deployment } from "../../src/core/deployment.ts";
import { readEntries, type KeyEntry } from "../../src/core/key-entry.ts";
import type { FoundRecord, KeyRecord } from "../../src/core/key-record.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import { planImport, type ImportStep } from "../../src/core/plan-import.ts";
import { foreignKey, sha256Of } from "../../src/core/presented-key.ts";
import { pepperOf } from "../support/stage.ts";

const NOW = 1_800_000_000;
const ADA = "auth0|ada";
const peppers = parsePeppers(`2:${pepperOf("two")} 1:${pepperOf("one")}`);
const deployment: Deployment = {
  tenant: "acme.eu.auth0.com",
  name: "billing",
  subjectTokenType: "urn:acme:billing-key",
  keyPrefixes: ["acme_live"],
  apis: [{ identifier: "https://billing.acme.example", scopes: ["read:bills"] }],
  clients: [],
  acceptForeignKeys: true,
};
const policy = {
  maxKeysPerUser: 2,
  defaultLifetimeDays: 90,
  maxLifetimeDays: 366,
  allowNoExpiry: true,
  acceptForeignKeys: true,
  retentionDays: 30,
};
const key = foreignKey(sha256Of("a-key-that-was-made-elsewhere"));
const entry: KeyEntry = { id: key.id, name: "shop", hash: key.hash(peppers.current), v: 2, iat: 1 };
const another: KeyEntry = { ...entry, id: "000000000000", name: "other" };
const later = <T extends object>(one: T): T => ({ ...one, only_on_mondays: true });
const missing: FoundRecord = { kind: "missing" };
const { name: _, ...rest } = entry;
const record: KeyRecord = { ...rest, sub: ADA };

/** What an import makes of the key, for a user with these entries. */
function plan(
  entries: readonly unknown[],
  found: FoundRecord = missing,
  upgrade = false,
  appMetadata: Record<string, unknown> = {},
): ImportStep | undefined {
  const { known, newer } = readEntries(entries);
  const profile = {
    appMetadata: { ...appMetadata, api_keys_billing: entries },
    field: "api_keys_billing",
    entries,
    keys: known,
    newer,
  };
  const rules = { policy, deployment, peppers, nowSeconds: NOW, upgrade };
  const request = { name: "shop", lifetimeDays: "never" } as const;
  return planImport(ADA, profile, [{ key, request, found }], rules)[0];
}
const refused = (code: string) => ({ kind: "refuse", error: expect.objectContaining({ code }) });

it.each<[string, readonly unknown[], FoundRecord, object]>([
  ["that is nowhere is imported", [], missing, { kind: "import", entry: { id: key.id, iat: NOW } }],
  ["whose record is missing is imported as it is", [entry], missing, { kind: "import", entry }],
  ["that is there is there", [entry], { kind: "trusted", record }, { kind: "there" }],
  ["whose entry is of a newer version is left alone", [later(entry)], missing, refused("key_newer")],
  ["… with its record", [later(entry)], { kind: "trusted", record }, refused("key_newer")],
  ["… beside an entry that is not", [entry, later(entry)], missing, refused("key_newer")],
  ["… and was revoked stays dead", [later({ ...entry, revoked_at: 1 })], missing, refused("key_dead")],
  [
    "whose record is of a newer version is left alone",
    [entry],
    { kind: "newer", json: later(record) },
    refused("record_newer"),
  ],
  ["whose record is of a later form is left alone", [], { kind: "newer" }, refused("record_newer")],
  ["whose record was altered is refused", [entry], { kind: "untrusted" }, refused("record_untrusted")],
  [
    "of another user is refused",
    [],
    { kind: "trusted", record: { ...record, sub: "auth0|grace" } },
    refused("key_taken"),
  ],
])("a key %s", (_title, entries, found, expected) => {
  expect(plan(entries, found)).toMatchObject(expected);
  expect(plan(entries, found, true)).toMatchObject(expected);
});

it.each<[string, readonly unknown[], object]>([
  ["its name", [later({ ...another, name: "shop" })], refused("name_taken")],
  [
    "a place among the user's",
    [another, later({ ...another, id: "000000000001" })],
    refused("key_limit_reached"),
  ],
  [
    "no place if it is dead",
    [another, later({ ...another, id: "000000000001", exp: NOW })],
    { kind: "import" },
  ],
])("an entry of a newer version takes %s", (_title, entries, expected) => {
  expect(plan(entries)).toMatchObject(expected);
});

it("what is in the deployment's field counts towards the profile's size, and what is in another's as well", () => {
  const [few, many] = ["x".repeat(3_050), "x".repeat(5_050)];
  expect(plan([few])).toMatchObject({ kind: "import" });
  expect(plan([few], missing, false, { api_keys: [many] })).toMatchObject({
    kind: "refuse",
    error: { code: "profile_too_large", message: expect.stringMatching(/\(3\d\d\d of them API keys\)/) },
  });
});
