import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { pageStage, type PageStage } from "../support/page-stage.ts";
import { ADA } from "../support/stage.ts";

let stage: PageStage;
let page: Page;
beforeAll(async () => {
  stage = await pageStage();
  page = await stage.openAs("Ada Lovelace");
});
afterAll(async () => stage.stop());
beforeEach(async () => stage.s.keys.users.write(ADA, []));

test.each([
  ["getAccessToken = undefined", "getAccessToken must be a function."],
  ['getAccessToken = "eyJhbGciOi"', "getAccessToken must be a function."],
  ['strings = { titel: "Schlüssel" }', 'There is no text "titel" in STRINGS.'],
  ["strings = { title: undefined }", 'The text "title" must be a string.'],
])("element.%s throws and says why", async (statement, message) => {
  const said = await page.evaluate<string>(
    `try { document.querySelector("auth0-api-keys").${statement}; "nothing" } catch (e) { e.name + ": " + e.message }`,
  );
  expect(said).toBe(`TypeError: ${message}`);
});

test("an element without base-url says so on the console", async () => {
  const said = page.waitForEvent("console");
  await page.evaluate('document.body.append(document.createElement("auth0-api-keys"))');
  const message = await said;
  expect([message.type(), message.text()]).toEqual(["error", expect.stringContaining('needs base-url="…"')]);
});

test("what was set before the element was defined counts", async () => {
  const after = await page.evaluate(`(async () => {
    const early = document.implementation.createHTMLDocument().createElement("auth0-api-keys");
    early.setAttribute("base-url", "/self-service");
    early.getAccessToken = async () => { window.wasAsked = true; throw new Error("no session"); };
    early.strings = { title: "Schlüssel" };
    document.body.append(early);
    await early.reload();
    return [window.wasAsked, early.shadowRoot.querySelector("h2").textContent];
  })()`);
  expect(after).toEqual([true, "Schlüssel"]);
});

test.each([
  ["64 emoji", "🔑".repeat(64), true],
  ["65 emoji", "🔑".repeat(65), false],
])("a name of %s is counted in characters", async (_, name, isMade) => {
  const one = await stage.openAs("Ada Lovelace", { context: page.context() });
  await one.getByRole("button", { name: "New key" }).click();
  await one.getByLabel("Name").fill(name);
  await one.getByRole("checkbox", { name: "read:things" }).check();
  await one.getByRole("button", { name: "Make key" }).click();
  const outcome = isMade ? "Your new API key" : "Give a name of up to 64 characters.";
  await one.getByText(outcome).first().waitFor();
  const made = (await stage.s.keys.users.read(ADA)).keys.map((key) => key.name);
  expect(made).toEqual(isMade ? [name] : []);
  await one.close();
});
