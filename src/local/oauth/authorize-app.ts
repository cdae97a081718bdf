import { getConnInfo } from "@hono/node-server/conninfo";
import { Hono, type Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";

import type { Tenant } from "../tenant.ts";
import type { User } from "../tenant-objects.ts";
import {
  listOf,
  readAuthorizationRequest,
  readReturnAddress,
  type AuthorizationRequest,
  type ReturnAddress,
} from "./authorization-request.ts";
import { OAuthError } from "./oauth-error.ts";
import { errorPage, loginPage, webMessagePage, type Page } from "./pages.ts";
import { runPostLogin } from "./run-actions.ts";
import { newName, type Session, type Sessions } from "./sessions.ts";
import { requireConnection } from "./user-policies.ts";

const SESSION_COOKIE = "local_tenant_session";
const BROWSER_COOKIE = "local_tenant_browser";
const COOKIE = { httpOnly: true, sameSite: "Lax", path: "/" } as const;

/** `/authorize`, the login form behind it, and `/v2/logout`. */
export function authorizeApp(tenant: Tenant, state: Sessions): Hono {
  const app = new Hono();

  app.get("/authorize", async (c) => {
    const query = new URL(c.req.url).searchParams;
    let address: ReturnAddress | undefined;
    try {
      address = readReturnAddress(tenant, query);
      const request = readAuthorizationRequest(tenant, query, address);
      const session = state.sessions.get(getCookie(c, SESSION_COOKIE) ?? "");
      if (isGoodFor(session, request, tenant.nowSeconds())) return await finish(c, request, session);
      if (request.prompt === "none") throw new OAuthError(400, "login_required", "Login required");
      const browser = getCookie(c, BROWSER_COOKIE) ?? newName();
      setCookie(c, BROWSER_COOKIE, browser, COOKIE);
      const login = state.logins.add({ ...request, browser });
      return show(c, loginPage(usersFor(request), login, request));
    } catch (error) {
      return refuse(c, error, address);
    }
  });

  app.post("/u/login", async (c) => {
    const form = new URLSearchParams(await c.req.text());
    const login = state.logins.take(form.get("state") ?? "");
    const user = tenant.users.get(form.get("user_id") ?? "");
    // The form is of the browser that asked for it: another site's form has no such state, and no such cookie.
    if (!login || !user || login.browser !== getCookie(c, BROWSER_COOKIE)) {
      return show(c, errorPage("Log in again", "This form is not valid any more."), 400);
    }
    try {
      const session = { id: newName(), userId: user.user_id, loggedInAtSeconds: tenant.nowSeconds() };
      state.sessions.add(session, session.id);
      setCookie(c, SESSION_COOKIE, session.id, COOKIE);
      return await finish(c, login, session);
    } catch (error) {
      return refuse(c, error, login);
    }
  });

  app.get("/v2/logout", (c) => {
    state.sessions.take(getCookie(c, SESSION_COOKIE) ?? "");
    deleteCookie(c, SESSION_COOKIE, COOKIE);
    const returnTo = c.req.query("returnTo");
    const client = tenant.clients.get(c.req.query("client_id") ?? "");
    if (returnTo === undefined) return c.text("OK");
    if (client && listOf(client, "allowed_logout_urls").includes(returnTo)) return c.redirect(returnTo, 302);
    return show(c, errorPage("Logged out", "The returnTo address is not one of the client's."), 400);
  });

  /** Runs the post-login Actions, and answers with a code. */
  async function finish(c: Context, request: AuthorizationRequest, session: Session): Promise<Response> {
    const user = tenant.users.get(session.userId);
    if (!user || user["blocked"] === true) throw new OAuthError(403, "access_denied", "user is blocked");
    requireConnection(tenant, request.client, user);
    const { organization } = request;
    if (organization && !organization.members.has(user.user_id)) {
      const text = `user is not part of the ${organization.id} organization`;
      throw new OAuthError(400, "invalid_request", text);
    }
    const caller = {
      ip: addressOf(c),
      hostname: new URL(c.req.url).hostname,
      userAgent: c.req.header("user-agent"),
    };
    const exchange = { ...request, caller, requestedScopes: request.scopes };
    const login = await runPostLogin(tenant, exchange, user, { protocol: "oidc-basic-profile" });
    const code = state.codes.add({ request, session, login });
    return reply(c, request, { code, state: request.state });
  }

  function usersFor({ loginHint }: AuthorizationRequest): readonly User[] {
    const all = [...tenant.users.values()].filter((user) => user["blocked"] !== true);
    const hinted = all.filter(({ email }) => email === loginHint);
    return (hinted.length > 0 ? hinted : all).slice(0, 20);
  }
  return app;
}

function isGoodFor(
  session: Session | undefined,
  request: AuthorizationRequest,
  nowSeconds: number,
): session is Session {
  if (!session || request.prompt === "login") return false;
  const { maxAgeSeconds } = request;
  return maxAgeSeconds === undefined || nowSeconds - session.loggedInAtSeconds <= maxAgeSeconds;
}

/** An error goes to the return address if there is one to trust, else to the person at the browser. */
function refuse(c: Context, error: unknown, address: ReturnAddress | undefined): Response {
  const refusal =
    error instanceof OAuthError
      ? error
      : new OAuthError(500, "server_error", "The request could not be processed.");
  if (!address) return show(c, errorPage("This login cannot go on", refusal.message), refusal.status);
  return reply(c, address, {
    error: refusal.error,
    error_description: refusal.message,
    state: address.state,
  });
}

function reply(
  c: Context,
  address: ReturnAddress,
  response: Readonly<Record<string, string | undefined>>,
): Response {
  if (address.responseMode === "web_message") return show(c, webMessagePage(address, response));
  const url = new URL(address.redirectUri);
  for (const [name, value] of Object.entries(response)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  c.header("cache-control", "no-store");
  return c.redirect(url.href, 303);
}

function show(c: Context, { html, headers }: Page, status = 200): Response {
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
  return c.html(html, status as 200);
}

/** The caller's address; none for a request that came in without a socket. */
function addressOf(c: Context): string {
  return c.env === undefined || !("incoming" in (c.env as object))
    ? ""
    : (getConnInfo(c).remote.address ?? "");
}
