import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { pageStage, violationsOf, type PageStage } from "../support/page-stage.ts";
import { ADA } from "../support/stage.ts";

const FOLDER = "screenshots";
const LOOKS = (["light", "dark"] as const).flatMap((colorScheme) =>
  ([1_100, 360] as const).map((width) => ({ colorScheme, width })),
);
const ORGANIZATION = "org_0000000000000001";

let stage: PageStage;
beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  stage = await pageStage();
  const members = new Set([ADA]);
  stage.s.local.tenant.organizations.set(ORGANIZATION, {
    id: ORGANIZATION,
    name: "acme",
    display_name: "Acme Corporation",
    members,
    enabledConnections: new Set(stage.s.local.tenant.connections.keys()),
  });
});
afterAll(async () => stage.stop());
beforeEach(async () => stage.s.keys.users.write(ADA, []));

// One browser for each look, logged in once: a login for each of seventy pictures would be most of the time.
const contexts = new Map<string, BrowserContext>();
const loggedIn = async (look: object) => {
  const name = JSON.stringify(look);
  const context = contexts.get(name);
  await context?.setOffline(false);
  const page = await stage.openAs("Ada Lovelace", context ? { ...look, context } : look);
  contexts.set(name, page.context());
  return page;
};
const withKeys = async (look: object) => {
  await stage.s.create(ADA, { name: "laptop", scope: "read:things write:things" });
  await stage.s.create(ADA, { name: "ends soon", scope: "read:things", lifetimeDays: 3 });
  await stage.s.create(ADA, { name: "of the organization", scope: "", organizationId: ORGANIZATION });
  await stage.s.create(ADA, { name: "x".repeat(64), lifetimeDays: "never" });
  const { id } = await stage.s.create(ADA, { name: "lost", scope: "read:bills" });
  const { revokeKey } = await import("../../src/keys/revoke.ts");
  await revokeKey(stage.s.keys, ADA, id, "lost");
  return loggedIn(look);
};
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const creating = async (look: object) => {
  const page = await loggedIn(look);
  await button(page, "New key").click();
  return page;
};
const API = "**/self-service/**";

/** Every state: how a page comes to it, and what it then says. */
const STATES: Readonly<Record<string, (look: object) => Promise<[Page, string]>>> = {
  welcome: async (look) => [await stage.open(look), "One user behind it."],
  "login-form": async (look) => {
    const page = await stage.open(look);
    await button(page, "Log in and make a key").click();
    return [page, "Grace Hopper"];
  },
  loading: async (look) => {
    const page = await loggedIn(look);
    await page.route(API, () => undefined);
    await page.reload();
    return [page, "Keys let your scripts and builds act for you"];
  },
  empty: async (look) => [await loggedIn(look), "No keys yet"],
  list: async (look) => {
    const page = await withKeys(look);
    await page.getByText("Ended keys (1)").click();
    return [page, "expires in 3 days"];
  },
  create: async (look) => [await creating(look), "What it is for"],
  "create-mistakes": async (look) => {
    const page = await creating(look);
    await button(page, "Make key").click();
    return [page, "Give the key a name."];
  },
  "create-refused": async (look) => {
    const page = await withKeys(look);
    await button(page, "New key").click();
    await page.getByLabel("Name").fill("laptop");
    await page.getByRole("checkbox", { name: "read:things" }).check();
    await button(page, "Make key").click();
    return [page, "Choose another name, or revoke the other key."];
  },
  shown: async (look) => {
    const page = await creating(look);
    await page.getByLabel("Name").fill("laptop");
    await page.getByRole("checkbox", { name: "read:things" }).check();
    await button(page, "Make key").click();
    return [page, "it is shown this once"];
  },
  "at-work": async (look) => {
    const [page] = await (STATES["shown"] as (look: object) => Promise<[Page, string]>)(look);
    await button(page, "Copy key").click();
    await button(page, "Done").click();
    return [page, "rocket skates"];
  },
  rotate: async (look) => {
    const page = await withKeys(look);
    await button(page, "Rotate laptop").click();
    return [page, "The key gets a new secret."];
  },
  rotating: async (look) => {
    const page = await withKeys(look);
    await button(page, "Rotate laptop").click();
    await button(page, "Rotate").click();
    await button(page, "Copy key").click();
    await button(page, "Done").click();
    return [page, "The previous secret works until"];
  },
  revoke: async (look) => {
    const page = await withKeys(look);
    await button(page, "Revoke laptop").click();
    return [page, "This cannot be taken back."];
  },
  "switched-off": async (look) => {
    const page = await withKeys(look);
    await button(page, "Switch off laptop").click();
    return [page, "Switch on"];
  },
  "error-500": async (look) => {
    const page = await loggedIn(look);
    await page.route(API, async (route) => route.fulfill({ status: 500, body: "" }));
    await page.reload();
    return [page, "The service did not answer as it should."];
  },
  "error-in-dialog": async (look) => {
    const page = await creating(look);
    await page.route(API, async (route) => route.fulfill({ status: 500, body: "" }));
    await page.getByLabel("Name").fill("laptop");
    await page.getByRole("checkbox", { name: "read:things" }).check();
    await button(page, "Make key").click();
    return [page, "The service did not answer as it should."];
  },
  offline: async (look) => {
    const page = await withKeys(look);
    await page.context().setOffline(true);
    await button(page, "Switch off laptop").click();
    return [page, "You are offline"];
  },
  "expired-session": async (look) => {
    const page = await withKeys(look);
    await page.context().clearCookies();
    stage.leap(86_400_000);
    await button(page, "Switch off laptop").click();
    await page.getByText("Your session has ended").waitFor();
    stage.leap(-86_400_000);
    return [page, "Your session has ended"];
  },
};

test.each(Object.keys(STATES))(
  "the state %s: light and dark, wide and narrow, nothing that axe-core finds wrong",
  async (state) => {
    for (const look of LOOKS) {
      await stage.s.keys.users.write(ADA, []);
      const [page, says] = await (STATES[state] as (look: object) => Promise<[Page, string]>)(look);
      await page.getByText(says).first().waitFor();
      const name = `${state}-${look.colorScheme}-${look.width > 500 ? "wide" : "narrow"}`;
      await page.screenshot({ path: join(FOLDER, `${name}.png`), fullPage: true });
      expect(await violationsOf(page), name).toEqual([]);
      const overflow = await page.evaluate<number>(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      expect(overflow, `${name} scrolls sideways`).toBeLessThanOrEqual(0);
      await page.close();
    }
  },
  120_000,
);

test("offline ends by itself when the network is back", async () => {
  const [page] = await (STATES["offline"] as (look: object) => Promise<[Page, string]>)({});
  await page.getByText("You are offline").waitFor();
  await page.context().setOffline(false);
  await page.getByRole("heading", { name: "laptop" }).waitFor();
  await page.close();
});

test("an error ends with the next try", async () => {
  const [page] = await (STATES["error-500"] as (look: object) => Promise<[Page, string]>)({});
  await page.getByRole("heading", { name: "That did not work" }).waitFor();
  await page.unroute(API);
  await button(page, "Try again").click();
  await page.getByText("No keys yet").waitFor();
  await page.close();
});

test("an expired session leads to the login, and back to the keys", async () => {
  const [page] = await (STATES["expired-session"] as (look: object) => Promise<[Page, string]>)({});
  await button(page, "Log in").click();
  await page.getByRole("button", { name: "Ada Lovelace" }).click();
  await page.getByRole("heading", { name: "laptop" }).waitFor();
  await page.close();
});

test("a token that has ended is renewed in a frame while the session lasts, and nobody notices", async () => {
  const page = await withKeys({});
  const frames: string[] = [];
  page.on("frameattached", (frame) => void frames.push(frame.url()));
  stage.leap(3 * 3_600_000);
  await button(page, "Switch off laptop").click();
  await button(page, "Switch on laptop").waitFor();
  expect(frames).toHaveLength(1);
  stage.leap(-3 * 3_600_000);
  await page.close();
});
