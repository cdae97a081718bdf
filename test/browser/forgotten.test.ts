import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { logIn } from "../support/log-in.ts";
import { pageStage, type PageStage } from "../support/page-stage.ts";
import { ADA, GRACE } from "../support/stage.ts";

let stage: PageStage;
let grace: string;
beforeAll(async () => {
  stage = await pageStage();
  grace = String((await logIn(stage.s, GRACE)).body["access_token"]);
});
afterAll(async () => stage.stop());
beforeEach(async () => {
  for (const user of [ADA, GRACE]) await stage.s.keys.users.write(user, []);
});

const ELEMENT = 'document.querySelector("auth0-api-keys")';
const content = async (page: Page) => page.evaluate<string>(`window.element.shadowRoot.innerHTML`);
const makeKey = async (page: Page) => {
  await page.evaluate(`window.element = ${ELEMENT}; window.place = element.parentNode; window.shown = [];
    document.addEventListener("api-key-shown", ({ detail }) => shown.push(detail.key));`);
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("Name").fill("key of ada");
  await page.getByRole("checkbox", { name: "read:things" }).check();
  await page.getByRole("button", { name: "Make key" }).click();
};
const asGrace = () => `element.getAccessToken = async () => ${JSON.stringify(grace)}`;

test.each<[string, () => readonly string[]]>([
  [
    "removed and put back for another user",
    () => ["element.remove()", `${asGrace()}; place.append(element)`],
  ],
  ["removed and put back", () => ["element.remove()", "place.append(element)"]],
  ["given another user's getAccessToken", () => [asGrace()]],
  ["given another API", () => ['element.setAttribute("base-url", "/self-service/organization")']],
])("an element that shows a key, %s, has forgotten the key at once", async (_, steps) => {
  const page = await stage.openAs("Ada Lovelace");
  await makeKey(page);
  const key = (await page.locator("code.value").textContent()) ?? "";
  expect(key).toMatch(/^acme_live_/);
  for (const step of steps()) {
    const after = await page.evaluate<string>(`${step}; element.shadowRoot.innerHTML`);
    expect(after).not.toContain(key);
    expect(after).not.toContain("key of ada");
    expect(after).not.toContain("<dialog");
  }
  await page.locator("auth0-api-keys [aria-busy]").waitFor({ state: "detached" });
  expect(await content(page)).not.toContain(key);
  await page.context().close();
});

test("another user sees that user's own keys and scopes, and not those of the user before", async () => {
  const { tenant } = stage.s.local;
  tenant.organizations.set("org_0000000000000001", {
    id: "org_0000000000000001",
    name: "acme",
    display_name: "Acme Corporation",
    members: new Set([ADA]),
    enabledConnections: new Set(tenant.connections.keys()),
  });
  await stage.s.create(GRACE, { name: "key of grace" });
  const page = await stage.openAs("Ada Lovelace");
  await makeKey(page);
  await page.evaluate(asGrace());
  await page.getByText("key of grace").waitFor();
  expect(await content(page)).not.toContain("key of ada");
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("Name").waitFor();
  expect(await content(page)).not.toContain("Acme Corporation");
  await page.context().close();
});

test("an answer that comes when its user is gone is shown to nobody", async () => {
  const page = await stage.openAs("Ada Lovelace");
  let answer: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => {
    void page.route("**/self-service/api-keys", async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      const response = await route.fetch();
      resolve();
      await new Promise<void>((go) => (answer = go));
      // The element has given the request up: nobody may be there to be answered.
      await route.fulfill({ response }).catch(() => undefined);
    });
  });
  await makeKey(page);
  await asked;
  await page.evaluate(asGrace());
  answer();
  await page.getByText("No keys yet").waitFor();
  expect(await page.evaluate("shown")).toEqual([]);
  expect(await content(page)).not.toMatch(/acme_live_|key of ada/);
  await page.context().close();
});
