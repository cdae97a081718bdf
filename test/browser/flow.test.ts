import { spawn } from "node:child_process";

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { pageStage, type PageStage } from "../support/page-stage.ts";

let stage: PageStage;
beforeAll(async () => {
  stage = await pageStage();
});
afterAll(async () => stage.stop());

const clipboard = async (page: Page) => page.evaluate<string>("navigator.clipboard.readText()");
const item = (page: Page, name: string) => page.locator("li.key", { hasText: name });
const isGranted = async (key: string) => (await stage.s.exchange(key)).status === 200;

/** Runs a command as somebody pastes it into a shell, and types the key where it asks. */
async function runInShell(command: string, key: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const shell = spawn("bash", ["-c", command], { stdio: ["pipe", "pipe", "inherit"] });
    let out = "";
    shell.stdout.on("data", (chunk) => (out += String(chunk)));
    shell.once("error", reject);
    shell.once("close", () => resolve(out.slice(out.indexOf("{"))));
    shell.stdin.end(`${key}\n`);
  });
}

/** Everything that a browser keeps for the page, and that it shows of where it was. */
async function kept(page: Page): Promise<string> {
  // As texts: what runs in the page is of another world, with other types.
  const inPage = await page.evaluate<string>(`(async () => JSON.stringify([
    { ...localStorage }, { ...sessionStorage }, await indexedDB.databases(), await caches.keys(),
    location.href, document.cookie, history.length, history.state,
  ]))()`);
  const { cookies, origins } = await page.context().storageState({ indexedDB: true });
  return inPage + JSON.stringify([cookies, origins]);
}

test("log in, make a key, copy it, run the command, see it used, rotate it, revoke it", async () => {
  const page = await stage.openAs("Ada Lovelace");
  const requests: string[] = [];
  page.on("request", (request) => requests.push(`${request.url()} ${request.headers()["referer"] ?? ""}`));
  expect(page.url()).toBe(stage.home);
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("Name").fill("laptop");
  await page.getByRole("checkbox", { name: "read:things" }).check();
  await page.getByLabel("Lifetime").selectOption("30");
  await page.getByRole("button", { name: "Make key" }).click();
  await page.getByRole("button", { name: "Copy key" }).click();
  const key = await clipboard(page);
  expect(key).toMatch(/^acme_live_[0-9A-Za-z]{50}$/);
  expect(await page.locator("code.value").textContent()).toBe(key);
  await page.getByRole("button", { name: "Copy command" }).click();
  const command = await clipboard(page);
  expect(command).not.toContain(key.slice(-38));
  const answer = JSON.parse(await runInShell(command, key)) as Record<string, unknown>;
  expect(answer).toMatchObject({ token_type: "Bearer" });
  expect(answer["access_token"]).toBeTypeOf("string");
  await page.getByRole("button", { name: "Done" }).click();

  // The page itself exchanged it as well: the API answered, and the list says that the key was used.
  await page.getByText('{"things":["anvil","rocket skates"]}').waitFor();
  await item(page, "laptop")
    .locator("div", { hasText: /^Last used.*(now|second|minute)/ })
    .first()
    .waitFor();
  expect(await item(page, "laptop").textContent()).toMatch(
    /read:things.*Expiresin 30 days|in 4 weeks|next month/,
  );

  await item(page, "laptop").getByRole("button", { name: "Rotate laptop" }).click();
  await page.getByLabel("The old secret works for").selectOption("3600");
  await page.getByRole("button", { name: "Rotate", exact: true }).click();
  await page.getByRole("button", { name: "Copy key" }).click();
  const second = await clipboard(page);
  expect(second).not.toBe(key);
  await page.getByRole("button", { name: "Done" }).click();
  await item(page, "laptop").getByText("The previous secret works until").waitFor();
  expect([await isGranted(key), await isGranted(second)]).toEqual([true, true]);

  await item(page, "laptop").getByRole("button", { name: "Revoke laptop" }).click();
  await page.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText("laptop was revoked.").waitFor({ state: "attached" });
  expect([await isGranted(key), await isGranted(second)]).toEqual([false, false]);
  await page.getByRole("button", { name: "Exchange it again" }).click();
  await page.getByText("Revoked", { exact: false }).first().waitFor();

  const everything = `${await kept(page)}${requests.join(" ")}${await page.content()}${await page.locator("auth0-api-keys").innerText()}`;
  for (const secret of [key, second]) expect(everything).not.toContain(secret.slice(-38));
  for (const { text } of [{ text: stage.s.logs.join() }, { text: stage.complaints.join() }]) {
    expect(text).not.toContain(key.slice(-38));
  }
  await page.context().close();
});

test("the same by keyboard alone: the focus is kept inside dialogs, and comes back", async () => {
  const page = await stage.open();
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const focused = async () =>
    page.evaluate<string>(`(() => {
      let active = document.activeElement;
      while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
      return active === document.body ? "" : (active?.getAttribute("aria-label") ?? active?.textContent ?? "");
    })()`);
  /** Tabs until something with this name has the focus, as a person does who hears what it is. */
  const tabTo = async (name: RegExp, key = "Tab") => {
    for (let at = 0; at < 40; at++) {
      if (name.test(await focused())) return;
      await press(key);
    }
    throw new Error(`Tab never comes to ${String(name)}; it is at ${await focused()}`);
  };
  await page.getByRole("button", { name: "Log in and make a key" }).waitFor();
  await tabTo(/^Log in and make/);
  await press("Enter");
  await page.getByRole("button", { name: "Grace Hopper" }).waitFor();
  await tabTo(/Grace Hopper/);
  await press("Enter");
  await page.getByRole("heading", { name: "No keys yet" }).waitFor();

  await tabTo(/^New key/);
  await press("Enter");
  await page.keyboard.type("by keyboard");
  await press("Tab", "Space");
  expect(await page.getByRole("checkbox", { name: "read:things" }).isChecked()).toBe(true);
  // All the way around: a modal dialog lets the focus out to the browser at most.
  for (let at = 0; at < 12; at++) {
    await press("Tab");
    const isInside = await page.evaluate<boolean>(`(() => {
      const active = document.querySelector("auth0-api-keys")?.shadowRoot.activeElement;
      return active ? active.closest("dialog") !== null : document.activeElement === document.body;
    })()`);
    expect(isInside).toBe(true);
  }
  await page.getByLabel("Name").focus();
  await press("Enter");
  await page.getByRole("button", { name: "Copy key" }).waitFor();
  expect(await focused()).toBe("Copy key");
  await press("Escape");
  await page.getByText("The key was not copied yet.").waitFor();
  await tabTo(/^Copy key/);
  await press("Enter");
  const key = await clipboard(page);
  expect(await isGranted(key)).toBe(true);
  await tabTo(/^Done/);
  await press("Enter");
  await page.getByRole("heading", { name: "by keyboard" }).waitFor();
  await expect.poll(focused).toBe("New key");

  await tabTo(/^Rotate by keyboard/);
  await press("Enter");
  await tabTo(/^Rotate$/);
  await press("Enter");
  await page.getByRole("button", { name: "Copy key" }).waitFor();
  await press("Enter");
  const second = await clipboard(page);
  await tabTo(/^Done/);
  await press("Enter");
  await page.getByText("The previous secret works until").waitFor();
  expect([await isGranted(key), await isGranted(second)]).toEqual([true, true]);

  await tabTo(/^Revoke by keyboard/);
  await press("Enter");
  expect(await focused()).toBe("Cancel");
  await press("Escape");
  await expect.poll(focused).toBe("Revoke by keyboard");
  await press("Enter");
  await tabTo(/^Revoke$/);
  await press("Enter");
  await page.getByText("by keyboard was revoked.").waitFor({ state: "attached" });
  await expect.poll(focused).toBe("API keys");
  expect(await isGranted(second)).toBe(false);
  await page.context().close();
});
