import { runInNewContext } from "node:vm";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { markLine, readMark, storeIdOf, type DeploymentMark, type Share } from "../../src/deploy/mark.ts";

/** Texts with everything that ends a line, a string, a comment or a JSON text somewhere. */
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(fc.constantFrom("\u2028", "\u2029", "\r", "\n", "*/", "//", '"', "\\", "}", "`${0}", "'", "a"), {
      maxLength: 8,
    })
    .map((all) => all.join("")),
);
const share: fc.Arbitrary<Share> = fc.oneof(
  fc.record({ kind: fc.constant("api" as const), of: text }),
  fc.record({ kind: fc.constant("scope" as const), of: text, scope: text }),
  fc.record({ kind: fc.constant("consent" as const), of: text }),
  fc.record({ kind: fc.constant("lifetime" as const), of: text, seconds: fc.nat() }),
  fc.record({ kind: fc.constant("client" as const), of: text }),
  fc.record({ kind: fc.constant("client" as const), of: text, hadList: fc.boolean() }),
  fc.record({ kind: fc.constant("throttling" as const), maxAttempts: fc.nat(), regainMs: fc.nat() }),
);
const mark: fc.Arbitrary<DeploymentMark> = fc.record({
  tenant: text,
  name: text,
  subjectTokenType: text,
  keyPrefixes: fc.array(text, { maxLength: 3 }),
  store: text,
  uses: fc.array(share, { maxLength: 5 }),
  gave: fc.array(share, { maxLength: 5 }),
});

const EXAMPLE: DeploymentMark = {
  tenant: "acme.eu.auth0.com",
  name: "api-keys",
  subjectTokenType: "urn:acme:api-key",
  keyPrefixes: ["acme_live"],
  store: "store",
  uses: [
    { kind: "api", of: "https://api.acme.example" },
    { kind: "scope", of: "https://api.acme.example", scope: "read:things" },
  ],
  gave: [{ kind: "client", of: "client", hadList: true }],
};

describe("a mark in an Action's code", () => {
  test("is read as it was written, and is a comment to JavaScript, whatever is in it", () => {
    fc.assert(
      fc.property(mark, (written) => {
        const code = `globalThis.ran = 1;\n${markLine(written)}// fingerprints: pepper x\nglobalThis.ran++;`;
        expect(readMark(code)).toEqual(written);
        const context = { ran: 0 };
        runInNewContext(code, context);
        expect(context).toEqual({ ran: 2 });
      }),
      { numRuns: 500 },
    );
  });

  test("is none when it is cut, wherever", () => {
    fc.assert(
      fc.property(mark, fc.nat(), (written, at) => {
        const line = markLine(written).trimEnd();
        expect(readMark(line.slice(0, at % line.length))).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  test("is none, or another, when a character of it is altered, and never an error", () => {
    fc.assert(
      fc.property(mark, fc.nat(), fc.string({ unit: "binary", maxLength: 2 }), (written, nat, other) => {
        const line = markLine(written);
        const at = nat % line.length;
        const read = readMark(line.slice(0, at) + other + line.slice(at + 1));
        // What is read can be written.
        if (read) expect(readMark(markLine(read))).toEqual(read);
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, unknown]>([
    ["no object", []],
    ["null", null],
    ["a text", "acme"],
    ["without a field", { ...EXAMPLE, store: undefined }],
    ["with a field of another type", { ...EXAMPLE, keyPrefixes: "acme_live" }],
    ["with a list that has something else in it", { ...EXAMPLE, keyPrefixes: ["acme_live", 1] }],
    ["with a share of an unknown kind", { ...EXAMPLE, gave: [{ kind: "tenant", of: "acme" }] }],
    ["with a share that lacks its scope", { ...EXAMPLE, uses: [{ kind: "scope", of: "acme" }] }],
    [
      "with a lifetime that is no number",
      { ...EXAMPLE, gave: [{ kind: "lifetime", of: "a", seconds: "1" }] },
    ],
  ])("is none when it is %s", (_, written) => {
    expect(readMark(`// deployment: ${JSON.stringify(written)}\n`)).toBeUndefined();
  });

  test.each<[string, string]>([
    ["in no code", ""],
    ["in code of others", "exports.onExecutePostLogin = async () => {};\n"],
    ["in the middle of a line", `const a = 1; ${markLine(EXAMPLE)}`],
    ["in a string", `const a = "${markLine(EXAMPLE)}";`],
  ])("is not found %s", (_, code) => {
    expect(readMark(code)).toBeUndefined();
  });

  test("is the last of several: what stands before it is code", () => {
    const code = markLine({ ...EXAMPLE, name: "first" }) + markLine(EXAMPLE);
    expect(readMark(code)?.name).toBe("api-keys");
    expect(readMark(code.replaceAll("\n", "\r\n"))?.name).toBe("api-keys");
  });
});

describe("the id of a Redis database", () => {
  test.each<[string, string]>([
    ["https://eu1-acme.upstash.io", "https://eu1-acme.upstash.io/"],
    ["https://eu1-acme.upstash.io", "https://EU1-Acme.upstash.io"],
    ["https://eu1-acme.upstash.io", "https://eu1-acme.upstash.io:443"],
    ["https://redis.acme.example/one", "https://redis.acme.example/one//"],
  ])("is one for %s and %s", (one, other) => {
    expect(storeIdOf(one)).toBe(storeIdOf(other));
  });

  test("tells hosts, ports and paths apart, and does not say them", () => {
    const urls = [
      "https://eu1-acme.upstash.io",
      "https://eu2-acme.upstash.io",
      "https://eu1-acme.upstash.io:8443",
      "https://eu1-acme.upstash.io/one",
      "https://eu1-acme.upstash.io/One",
      "https://eu1-acme.upstash.io/one/two",
      "http://127.0.0.1:8079",
      "http://127.0.0.1:8080",
    ];
    const ids = urls.map(storeIdOf);
    expect(new Set(ids).size).toBe(urls.length);
    for (const id of ids) expect(id).toMatch(/^[\w-]{22}$/);
  });
});
