import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { afterAll, beforeAll, expect, test } from "vitest";

import { buildElement } from "../../src/cli/build-package.ts";
import { exchangeCommand } from "../../src/element/command.ts";
import { isNear, relative } from "../../src/element/format.ts";
import { fill, STRINGS } from "../../src/element/strings.ts";

const MAX_BYTES = 30 * 1024;
const folder = mkdtempSync(join(tmpdir(), "element-"));
let built: string;
beforeAll(async () => {
  const file = join(folder, "element.js");
  await buildElement(file);
  built = readFileSync(file, "utf8");
});
afterAll(() => rmSync(folder, { recursive: true }));

test("the element is at most 30 kB, gzipped", () => {
  expect(gzipSync(built).byteLength).toBeLessThanOrEqual(MAX_BYTES);
});

test("it is one file, and has nothing in it that a strict Content-Security-Policy refuses", () => {
  expect(built).not.toMatch(/\bimport\b|\brequire\(/);
  expect(built).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/);
  expect(built).not.toMatch(
    /createElement\("style"\)|setAttribute\("style"|localStorage|sessionStorage|indexedDB/,
  );
});

test.each(Object.entries(STRINGS))("the text %s has no braces but those that are filled in", (_, text) => {
  const values = { name: "N", count: 1, when: "W", max: 9 };
  expect(fill(text, values)).not.toMatch(/[{}]/);
});

const NOW = Date.parse("2026-11-25T12:00:00Z");
test.each([
  ["2026-11-25T12:00:20Z", "now"],
  ["2026-11-25T11:58:00Z", "2 minutes ago"],
  ["2026-11-26T12:00:00Z", "tomorrow"],
  ["2026-12-05T12:00:00Z", "in 10 days"],
  ["2027-11-26T12:00:00Z", "next year"],
])("%s is %s", (time, expected) => {
  expect(relative(time, NOW, "en")).toBe(expected);
});

test.each([
  ["2026-11-25T12:00:00Z", false],
  ["2026-11-25T12:00:01Z", true],
  ["2026-12-02T11:59:59Z", true],
  ["2026-12-02T12:00:00Z", false],
])("that %s is near: %s", (time, expected) => {
  expect(isNear(time, NOW)).toBe(expected);
});

test("a command quotes what a shell would read otherwise", () => {
  const scope = "it's;rm -rf $HOME";
  const key = { scopes: [scope], audiences: null } as unknown as Parameters<typeof exchangeCommand>[0];
  const command = exchangeCommand(key, {
    scopes: [{ value: scope, description: null, audience: "https://api.example/`id`" }],
    exchange: {
      token_endpoint: "https://a.example/oauth/token",
      subject_token_type: "urn:a:b",
      client_ids: ["c"],
    },
  });
  expect(command).toContain(String.raw`--data-urlencode 'scope=it'\''s;rm -rf $HOME'`);
  expect(command).toContain("--data-urlencode 'audience=https://api.example/`id`'");
});
