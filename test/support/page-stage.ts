import axe from "axe-core";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

import { SELF_SERVICE, selfServicePage } from "../../src/cli/self-service-page.ts";
import { pepperOf, stage, type Stage, type StageOptions } from "./stage.ts";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";

/** The page of a stage in a real Chromium. */
export interface PageStage {
  readonly s: Stage;
  readonly home: string;
  /** What the page and the browser complained of, by any page. */
  readonly complaints: string[];
  /** Moves the clock of the tenant and of the self-service API, in milliseconds: tokens end. */
  leap(ms: number): void;
  open(options?: OpenOptions): Promise<Page>;
  /** Opens the page with this user logged in, by the login form. */
  openAs(user: string, options?: OpenOptions): Promise<Page>;
  /** Throws if a page broke, or its policy refused anything. */
  stop(): Promise<void>;
}

/** How a browser looks at the page. */
export interface OpenOptions {
  readonly colorScheme?: "light" | "dark";
  readonly width?: number;
  /** A second tab of the same browser. */
  readonly context?: BrowserContext;
  /** Another page than the tenant's own. */
  readonly url?: string;
}

/** Starts a tenant with its page, and a browser. */
export async function pageStage(options: StageOptions = {}): Promise<PageStage> {
  let leapMs = 0;
  const s = await stage({
    selfService: SELF_SERVICE,
    nowMs: () => Date.now() + leapMs,
    ...options,
    config: { lastUsed: true, ...options.config },
  });
  const { description } = s.local;
  const complaints: string[] = [];
  const deployment = { ...s.config, pepper: `1:${pepperOf("one")}` };
  const tenant = { ...description, api_key_pepper: deployment.pepper };
  s.local.servePage(
    await selfServicePage(deployment, tenant, {
      onLog: (line) => void complaints.push(line),
      nowMs: () => Date.now() + leapMs,
      // One user looks at seventy pages in a minute, on a fast machine.
      rateLimit: { requestsPerMinute: 100_000, changesPerMinute: 100_000 },
    }),
  );
  const home = new URL("/", description.self_service_url).href;
  const browser: Browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  });
  const open: PageStage["open"] = async ({
    colorScheme = "light",
    width = 1_100,
    context,
    url = home,
  } = {}) => {
    const own =
      context ??
      (await browser.newContext({
        colorScheme,
        locale: "en-US",
        viewport: { width, height: 800 },
        permissions: ["clipboard-read", "clipboard-write"],
        reducedMotion: "reduce",
      }));
    const page = await own.newPage();
    page.setDefaultTimeout(10_000);
    page.on("pageerror", (error) => void complaints.push(error.message));
    page.on("console", (message) => {
      // A refused request is told there as well: it is what some tests are about.
      const isOfPolicy = /Content.Security.Policy|Refused to/i.test(message.text());
      if (isOfPolicy) complaints.push(message.text());
    });
    await page.goto(url);
    return page;
  };
  return {
    s,
    home,
    complaints,
    leap: (ms) => void (leapMs += ms),
    open,
    async openAs(user, options) {
      const page = await open(options);
      const logIn = page.getByRole("button", { name: "Log in and make a key" });
      const title = page.getByRole("heading", { name: "API keys", exact: true });
      await logIn.or(title).first().waitFor();
      // A browser that was here before may have a session.
      if (await logIn.isVisible()) {
        await logIn.click();
        await page.getByRole("button", { name: user }).click();
        await title.waitFor();
      }
      await page.locator("auth0-api-keys [aria-busy]").waitFor({ state: "detached" });
      return page;
    },
    async stop() {
      await browser.close();
      await s.stop();
      const unexpected = complaints.filter((one) => !one.startsWith("self-service:"));
      if (unexpected.length > 0) throw new Error(`The page complained: ${unexpected.join("; ")}`);
    },
  };
}

/** What axe-core finds wrong with a page as it is, shadow roots included: each rule with the elements that break it. */
export async function violationsOf(page: Page): Promise<readonly string[]> {
  // In the page's world but past its policy, as a browser's own tools are.
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(): Promise<{
          violations: { id: string; nodes: { target: unknown; failureSummary: string }[] }[];
        }>;
      };
    };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${JSON.stringify(target)} ${failureSummary}`),
    );
  });
}
