import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { Hono } from "hono";

/** What the page is told, and what it shows. */
export interface PageOptions {
  /** Where the page is: `http://127.0.0.1:4403`. */
  readonly home: string;
  readonly issuer: string;
  /** The single-page application that users log in to. */
  readonly clientId: string;
  /** The audience of the self-service API. */
  readonly audience: string;
  /** An API that takes the tokens of keys, to show one at work. */
  readonly apiUrl: string;
  /** The self-service API, served under `/self-service`. */
  readonly selfService: (request: Request) => Promise<Response>;
}

const BROWSER = new URL("browser/", import.meta.url);
const ERRORS = new URL("../../docs/errors/", import.meta.url);

/** The local tenant's page at `/`: a user logs in, manages keys, and sees a fresh one exchanged. */
export async function createPage(options: PageOptions): Promise<(request: Request) => Promise<Response>> {
  const { home, issuer, clientId, audience, apiUrl, selfService } = options;
  const origin = new URL(issuer).origin;
  const [html, css, js] = await Promise.all([
    readFile(new URL("index.html", BROWSER), "utf8"),
    readFile(new URL("page.css", BROWSER), "utf8"),
    bundle("page.ts"),
  ]);
  const config = { issuer: origin, client_id: clientId, audience, base_url: `${home}/self-service` };
  const policy = [
    "default-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${origin}`,
    `frame-src ${origin}`,
  ].join("; ");

  const app = new Hono();
  app.all("/self-service/*", async (c) => selfService(c.req.raw));
  app.use(async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
    c.header("content-security-policy", policy);
    c.header("referrer-policy", "no-referrer");
    c.header("x-content-type-options", "nosniff");
  });
  app.get("/", (c) => c.html(html));
  app.get("/page.css", (c) => c.body(css, 200, { "content-type": "text/css; charset=utf-8" }));
  app.get("/page.js", (c) => c.body(js, 200, { "content-type": "text/javascript; charset=utf-8" }));
  app.get("/config.json", (c) => c.json(config));
  app.get("/errors/:code{[a-z_]+}", async (c) => {
    const page = await readFile(new URL(`${c.req.param("code")}.md`, ERRORS), "utf8").catch(() => undefined);
    return page === undefined ? c.notFound() : c.text(page);
  });
  // The demo API knows nothing of browsers: its answers come through here.
  app.get("/demo-api/:path{(me|things)}", async (c) => {
    const authorization = c.req.header("authorization") ?? "";
    const answer = await fetch(`${apiUrl}/${c.req.param("path")}`, { headers: { authorization } });
    return c.body(await answer.text(), answer.status as 200, {
      "content-type": answer.headers.get("content-type") ?? "text/plain",
    });
  });
  return async (request) => app.fetch(request);
}

async function bundle(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(file, BROWSER))],
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "none",
    logLevel: "error",
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}
