import { createHmac } from "node:crypto";

import fc from "fast-check";
import { expect, it, test } from "vitest";

import { parsePeppers } from "../../src/core/peppers.ts";
import {
  claimOfMarker,
  readStoreMarker,
  sealStoreMarker,
  sealUnnamedMarker,
  type StoreMarker,
} from "../../src/core/store-marker.ts";
import { countedPeppers } from "../support/counted-peppers.ts";
import { pepperOf } from "../support/stage.ts";

const TYPE = "urn:acme:api-key";
const OURS = { tenant: "acme.eu.auth0.com", name: "api-keys", subjectTokenType: TYPE };
const OTHERS = { ...OURS, name: "billing" };
const PEPPERS = parsePeppers(pepperOf("one"));
const marker = sealStoreMarker(OURS, PEPPERS);

/** Peppers under which the deployment's marker was found right. */
function havingSeen(text = pepperOf("one")) {
  const { peppers, taken } = countedPeppers(text);
  expect(readStoreMarker(marker, OURS, peppers)).toBe("ours");
  taken.seals = 0;
  return { peppers, taken };
}

test("a marker that was found right is not checked again", () => {
  const { peppers, taken } = havingSeen();
  expect(readStoreMarker(marker, OURS, peppers)).toBe("ours");
  expect(taken.seals).toBe(0);
});

test("a marker that is altered after that is refused, however often, and the right one stays right", () => {
  const { peppers } = havingSeen();
  const altered = [
    ...Array.from(
      marker,
      (letter, at) => marker.slice(0, at) + (letter === "A" ? "B" : "A") + marker.slice(at + 1),
    ),
    ...Array.from(marker, (_, at) => marker.slice(0, at)),
    `${marker} `,
    `${marker}\0`,
    ` ${marker}`,
    `${marker}}`,
    marker + marker,
    marker.toLowerCase(),
    marker.replace(":", ": "),
  ];
  for (const text of [...altered, ...altered]) {
    expect(readStoreMarker(text, OURS, peppers), text).toBe("foreign");
    expect(readStoreMarker(marker, OURS, peppers)).toBe("ours");
  }
  expect(readStoreMarker(null, OURS, peppers)).toBe("missing");
});

it.each<[string, string, "ours" | "foreign"]>([
  ["other peppers", pepperOf("two"), "foreign"],
  ["peppers that are the same", pepperOf("one"), "ours"],
  ["a pepper beside it", `2:${pepperOf("two")} 1:${pepperOf("one")}`, "ours"],
])("a marker that was found right is checked anew under %s", (_, text, expected) => {
  havingSeen();
  const { peppers, taken } = countedPeppers(text);
  expect(readStoreMarker(marker, OURS, peppers)).toBe(expected);
  expect(taken.seals).toBeGreaterThan(0);
});

test.each([
  ["of another name", OTHERS],
  ["on another tenant", { ...OURS, tenant: "acme-test.eu.auth0.com" }],
])("a marker that was found right is foreign to a deployment %s with the same peppers", (_, other) => {
  const { peppers } = havingSeen();
  const others = sealStoreMarker(other, peppers);
  expect(readStoreMarker(marker, other, peppers)).toBe("foreign");
  expect(readStoreMarker(others, OURS, peppers)).toBe("foreign");
  expect(readStoreMarker(others, other, peppers)).toBe("ours");
  expect(readStoreMarker(marker, other, peppers)).toBe("foreign");
  expect(readStoreMarker(marker, OURS, peppers)).toBe("ours");
});

test("a marker that was refused is checked each time", () => {
  const { peppers, taken } = havingSeen();
  const forged = sealStoreMarker(OURS, parsePeppers(pepperOf("stranger")));
  for (let times = 1; times <= 3; times++) {
    expect(readStoreMarker(forged, OURS, peppers)).toBe("foreign");
    expect(taken.seals).toBe(times);
  }
});

/** A text with our seal over it, made by hand. */
function sealed(text: string, form = "v1", peppers = PEPPERS): string {
  const seal = createHmac("sha256", peppers.current.sealKey).update(text).digest("base64url");
  return `${form}.${seal}.${text}`;
}

test("a marker names tenant and deployment, and the type that release 0.1.0 looks for where that may go on alone", () => {
  const [tenant, name] = ['"tenant":"acme.eu.auth0.com"', '"deployment":"api-keys"'];
  expect(marker).toBe(sealed(`{"store":"urn:acme:api-key",${tenant},${name}}`));
  expect(sealStoreMarker(OTHERS, PEPPERS)).toBe(sealed(`{${tenant},"deployment":"billing"}`));
  expect(sealUnnamedMarker(TYPE, PEPPERS)).toBe(sealed('{"store":"urn:acme:api-key"}'));
});

const NAMED = { tenant: "acme.eu.auth0.com", deployment: "api-keys" };
const STRANGER = parsePeppers(pepperOf("stranger"));

it.each<[string, string, StoreMarker]>([
  ["tenant and deployment", sealed(JSON.stringify(NAMED)), "ours"],
  ["both, and a type", sealed(JSON.stringify({ store: TYPE, ...NAMED })), "ours"],
  ["both, and a type of before", sealed(JSON.stringify({ store: "urn:acme:old-key", ...NAMED })), "ours"],
  [
    "another tenant",
    sealed(JSON.stringify({ store: TYPE, ...NAMED, tenant: "other.eu.auth0.com" })),
    "foreign",
  ],
  ["another name", sealed(JSON.stringify({ store: TYPE, ...NAMED, deployment: "billing" })), "foreign"],
  ["a name in other letters", sealed(JSON.stringify({ ...NAMED, deployment: "API-KEYS" })), "foreign"],
  ["a tenant and no name", sealed(JSON.stringify({ store: TYPE, tenant: NAMED.tenant })), "foreign"],
  ["a name and no tenant", sealed(JSON.stringify({ store: TYPE, deployment: NAMED.deployment })), "foreign"],
  ["null as both", sealed(JSON.stringify({ store: TYPE, tenant: null, deployment: null })), "foreign"],
  ["our type alone", sealed(JSON.stringify({ store: TYPE })), "unnamed"],
  ["another type alone", sealed(JSON.stringify({ store: "urn:other:api-key" })), "foreign"],
  ["a list of our type", sealed(JSON.stringify({ store: [TYPE] })), "foreign"],
  ["nothing", sealed("{}"), "foreign"],
  ["a key", sealed(JSON.stringify({ id: "k".repeat(12), sub: TYPE })), "foreign"],
  ["us, under another pepper", sealed(JSON.stringify(NAMED), "v1", STRANGER), "foreign"],
  [
    "our type alone, under another pepper",
    sealed(JSON.stringify({ store: TYPE }), "v1", STRANGER),
    "foreign",
  ],
  ["us, in a later form", sealed(JSON.stringify(NAMED), "v2"), "foreign"],
])("a marker that says %s: %s → %s", (_, text, expected) => {
  const { peppers } = havingSeen();
  for (const held of [PEPPERS, peppers, peppers]) expect(readStoreMarker(text, OURS, held)).toBe(expected);
  expect(readStoreMarker(marker, OURS, peppers)).toBe("ours");
});

test("a marker of our type alone is unnamed to a deployment of any name, however often it is read", () => {
  const unnamed = sealUnnamedMarker(TYPE, PEPPERS);
  for (const of of [OTHERS, OURS, OTHERS]) expect(readStoreMarker(unnamed, of, PEPPERS)).toBe("unnamed");
  expect(readStoreMarker(unnamed, { ...OTHERS, subjectTokenType: "urn:acme:bill" }, PEPPERS)).toBe("foreign");
});

const claim = (json: object | string, form = "v1") =>
  `${form}.${"x".repeat(43)}.${typeof json === "string" ? json : JSON.stringify(json)}`;

it.each<[string, string | null, string | undefined]>([
  ["ours", marker, "deployment api-keys of acme.eu.auth0.com"],
  ["another's", sealStoreMarker(OTHERS, STRANGER), "deployment billing of acme.eu.auth0.com"],
  ["an unnamed one", sealUnnamedMarker(TYPE, STRANGER), "the deployment of urn:acme:api-key"],
  ["one of a later form", claim(NAMED, "v12"), "deployment api-keys of acme.eu.auth0.com"],
  ["one with its tenant alone", claim({ ...NAMED, deployment: 1, store: TYPE }), `the deployment of ${TYPE}`],
  ["one with its name alone", claim({ ...NAMED, tenant: null, store: TYPE }), `the deployment of ${TYPE}`],
  ["a long name", claim({ ...NAMED, tenant: "t".repeat(253) }), `deployment api-keys of ${"t".repeat(253)}`],
  ["a name that is too long", claim({ ...NAMED, tenant: "t".repeat(254) }), undefined],
  ["an empty name", claim({ ...NAMED, deployment: "" }), undefined],
  ["names that are no text", claim({ tenant: [], deployment: {}, store: 1 }), undefined],
  ["a control sequence in its name", claim({ ...NAMED, deployment: "x\u001B[2J" }), undefined],
  ["a line break after its tenant", claim({ ...NAMED, tenant: "acme\n" }), undefined],
  ["a deletion in its type", claim({ store: "urn:\u007F" }), undefined],
  ["a text that is written from right to left", claim({ ...NAMED, tenant: "acme\u202E" }), undefined],
  ["a blank", claim({ store: "not urn:acme:api-key" }), undefined],
  ["nothing", claim({}), undefined],
  ["broken JSON", claim("{x}"), undefined],
  ["JSON that is nested too deeply", claim(`{"store":${"[".repeat(1_000_000)}}`), undefined],
  ["no seal", `v1..${JSON.stringify(NAMED)}`, undefined],
  ["no form", JSON.stringify(NAMED), undefined],
  ["an empty text", "", undefined],
  ["no marker", null, undefined],
])("whose a store says that it is, for people: %s", (_, text, expected) => {
  expect(claimOfMarker(text)).toBe(expected);
});

test("no marker makes a claim that throws, or that prints anything but words of printable ASCII", () => {
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.constant("acme"));
  const value = fc.oneof(text, fc.jsonValue(), fc.constant(undefined));
  const json = fc.record({ tenant: value, deployment: value, store: value }).map((one) => claim(one));
  const broken = text.map((one) => claim(`{${one}}`));
  fc.assert(
    fc.property(fc.oneof(json, broken, text), (sealedText) => {
      expect(claimOfMarker(sealedText) ?? "none").toMatch(/^[\x21-\x7e]+( [\x21-\x7e]+)*$/);
    }),
  );
});
