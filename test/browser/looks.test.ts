import { afterAll, beforeAll, expect, test } from "vitest";

import { pageStage, type PageStage } from "../support/page-stage.ts";

let stage: PageStage;
beforeAll(async () => {
  stage = await pageStage();
});
afterAll(async () => stage.stop());

test("texts and looks are those that the page wants, and the rest stays", async () => {
  const page = await stage.openAs("ada@acme.example");
  // As text: the browser's types are not those of the tests.
  await page.evaluate(`
    const element = document.querySelector("auth0-api-keys");
    element.strings = { title: "Zugriffsschlüssel", newKey: "Neu" };
    element.style.setProperty("--api-keys-accent", "rgb(1, 2, 3)");
    element.style.setProperty("--api-keys-font", "400 16px monospace");
  `);
  await page.getByRole("heading", { name: "Zugriffsschlüssel", exact: true }).waitFor();
  const looks = await page.evaluate(`
    const root = document.querySelector("auth0-api-keys").shadowRoot;
    const button = root.querySelector('[data-action="create"]');
    [button.textContent, getComputedStyle(button).backgroundColor, getComputedStyle(root.querySelector("h2")).fontFamily];
  `);
  expect(looks).toEqual(["Neu", "rgb(1, 2, 3)", "monospace"]);
  expect(await page.getByText("Keys let your scripts and builds act for you").count()).toBe(1);
});
