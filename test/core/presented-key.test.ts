import { createHash, createHmac, randomBytes } from "node:crypto";
import { inspect } from "node:util";

import fc from "fast-check";
import { describe, expect, it, test } from "vitest";

import { ApiKey } from "../../src/core/api-key.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import { foreignKey, isForeignKey, readPresentedKey, sha256Of } from "../../src/core/presented-key.ts";
import { pepperOf } from "../support/stage.ts";

const deployment = {
  subjectTokenType: "urn:acme:api-key",
  keyPrefixes: ["acme_live", "acme_old"],
  apis: [],
  acceptForeignKeys: true,
};
const peppers = parsePeppers(`2:${pepperOf("two")} 1:${pepperOf("one")}`);
const own = ApiKey.generate("acme_live", randomBytes).reveal();
const printable = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 24,
  maxLength: 1024,
});

describe("a foreign key", () => {
  test.each<[string, string, boolean]>([
    ["23 characters", "x".repeat(23), false],
    ["24 characters", "x".repeat(24), true],
    ["1,024 characters", "x".repeat(1024), true],
    ["1,025 characters", "x".repeat(1025), false],
    ["a client secret", "Zq3-lE_0tRr9sD1vWx8yKbN5mHcUaJ7GpFoI2eQdTzLnYi4S6hBXuVwCkMgPjO1f", true],
    ["a JWT", `eyJhbGciOiJIUzI1NiJ9.${"e30".repeat(9)}.c2lnbmF0dXJl`, true],
    ["a blank inside", `${"x".repeat(24)} x`, false],
    ["a line break", `${"x".repeat(24)}\n`, false],
    ["a letter beyond ASCII", `${"x".repeat(24)}é`, false],
    ["a NUL", `${"x".repeat(24)}\0`, false],
    ["a key of ours", own, false],
    ["one of ours with a wrong checksum", `${own.slice(0, -1)}${own.endsWith("0") ? "1" : "0"}`, false],
    ["one of ours that was cut", own.slice(0, -1), false],
    ["one of ours with more behind it", `${own}x`, false],
    ["a retired prefix", `acme_old_${"x".repeat(40)}`, false],
    ["our form with any other prefix", own.replace("acme_live", "sk_test"), false],
    ["another prefix and another length", `sk_live_${"x".repeat(24)}`, true],
  ])("%s", (_, text, isForeign) => {
    expect(isForeignKey(text, deployment.keyPrefixes)).toBe(isForeign);
    if (text !== own) expect(readPresentedKey(text, deployment) !== undefined).toBe(isForeign);
  });

  it("has an id of 71 bits of its SHA-256, and its stored hash is an HMAC of that, whichever way it was given", () => {
    fc.assert(
      fc.property(printable, (text) => {
        fc.pre(isForeignKey(text, deployment.keyPrefixes));
        const digest = createHash("sha256").update(text).digest();
        const key = readPresentedKey(text, deployment);
        expect(key?.id).toBe(base62(BigInt(`0x${digest.toString("hex")}`) % 62n ** 12n));
        const hash = createHmac("sha256", peppers.current.hashKey);
        const expected = hash.update(`sha256:${digest.toString("base64url")}`).digest("base64url");
        expect([
          key?.hash(peppers.current),
          foreignKey(new Uint8Array(digest)).hash(peppers.current),
        ]).toEqual([expected, expected]);
        expect(foreignKey(sha256Of(text)).id).toBe(key?.id);
      }),
    );
  });

  it("is not accepted unless the deployment says so", () => {
    const { acceptForeignKeys: _, ...strict } = deployment;
    expect(readPresentedKey("x".repeat(40), strict)).toBeUndefined();
    expect(readPresentedKey(own, strict)?.id).toBe(own.slice(10, 22));
  });

  it("shows nothing of itself when it is printed", () => {
    const text = "a-foreign-key-that-nobody-may-see";
    const key = readPresentedKey(text, deployment);
    const shown = JSON.stringify(key) + inspect(key, { depth: 9, showHidden: true });
    expect(shown).not.toContain(text);
  });
});

describe("a key with a prefix that is one API's own", () => {
  const apis = [
    { identifier: "https://api.acme.example", scopes: [] },
    { identifier: "https://billing.acme.example", scopes: [], keyPrefix: "acme_bill" },
  ];

  it.each([
    ["acme_bill", true],
    ["acme_live", true],
    ["acme_old", true],
    ["acme_bills", false],
    ["other", false],
  ])("is read as the deployment's own are, and says what it begins with: %s", (prefix, isRead) => {
    const text = ApiKey.generate(prefix, randomBytes).reveal();
    const read = readPresentedKey(text, { ...deployment, apis });
    const id = text.slice(prefix.length + 1, prefix.length + 13);
    expect(read && { id: read.id, prefix: read.prefix }).toEqual(isRead ? { id, prefix } : undefined);
  });

  it("is no foreign key if it is mistyped; a foreign key begins with nothing of ours", () => {
    const mistyped = `acme_bill_${"x".repeat(40)}`;
    expect(readPresentedKey(mistyped, { ...deployment, apis })).toBeUndefined();
    expect(readPresentedKey(mistyped, deployment)).toBeDefined();
    expect(readPresentedKey(`sk_live_${"x".repeat(24)}`, { ...deployment, apis })?.prefix).toBeUndefined();
  });
});

function base62(value: bigint): string {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  let text = "";
  for (let rest = value; rest > 0n; rest /= 62n) text = `${digits[Number(rest % 62n)]}${text}`;
  return text.padStart(12, "0");
}
