import type { Page, Route } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { listKeys } from "../../src/keys/list.ts";
import { pageStage, type PageStage } from "../support/page-stage.ts";
import { ADA } from "../support/stage.ts";

let stage: PageStage;
beforeAll(async () => {
  stage = await pageStage({ config: { policy: { maxKeysPerUser: 3 } } });
});
afterAll(async () => stage.stop());
beforeEach(async () => stage.s.keys.users.write(ADA, []));

const keys = async () => listKeys(stage.s.keys, ADA);
const fillIn = async (page: Page, name: string) => {
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByRole("checkbox", { name: "read:things" }).check();
};
const shownKey = async (page: Page) => (await page.locator("code.value").textContent()) ?? "";

test("a double click makes one key", async () => {
  const page = await stage.openAs("Ada Lovelace");
  await fillIn(page, "double click");
  await page.getByRole("button", { name: "Make key" }).dblclick();
  expect((await stage.s.exchange(await shownKey(page))).status).toBe(200);
  expect(await keys()).toHaveLength(1);
  await page.context().close();
});

test("an answer that is lost on its way is asked for again: one key, which the page then shows", async () => {
  const page = await stage.openAs("Ada Lovelace");
  await fillIn(page, "lost answer");
  const sent: string[] = [];
  let isLost = true;
  await page.route("**/self-service/api-keys", async (route: Route) => {
    const request = route.request();
    if (request.method() !== "POST") return route.continue();
    sent.push(request.headers()["idempotency-key"] ?? "");
    if (!isLost) return route.continue();
    isLost = false;
    // Carried out, and then the connection breaks.
    await route.fetch();
    return route.abort("connectionreset");
  });
  await page.getByRole("button", { name: "Make key" }).click();
  await page.getByText("The service did not answer as it should.").waitFor();
  expect(await keys()).toHaveLength(1);
  await page.getByRole("button", { name: "Make key" }).click();
  expect((await stage.s.exchange(await shownKey(page))).status).toBe(200);
  expect(await keys()).toHaveLength(1);
  expect(sent[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(sent).toEqual([sent[0], sent[0]]);
  await page.context().close();
});

test("two tabs at the limit: one makes the last key, the other is told", async () => {
  for (const name of ["one", "two"]) await stage.s.create(ADA, { name });
  const first = await stage.openAs("Ada Lovelace");
  const second = await stage.open({ context: first.context() });
  await second.getByRole("heading", { name: "two" }).waitFor();
  await Promise.all([fillIn(first, "of the first"), fillIn(second, "of the second")]);
  await Promise.all(
    [first, second].map(async (page) => page.getByRole("button", { name: "Make key" }).click()),
  );
  const outcome = async (page: Page) => {
    const shown = page.locator("code.value");
    const refused = page.getByText("Revoke an API key that is not needed.");
    await shown.or(refused).first().waitFor();
    return (await shown.count()) === 1;
  };
  const outcomes = await Promise.all([outcome(first), outcome(second)]);
  expect(outcomes.toSorted()).toEqual([false, true]);
  expect(await keys()).toHaveLength(3);
  await first.context().close();
});
