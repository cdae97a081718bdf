import { Auth0Client } from "@auth0/auth0-spa-js";

import { type ApiKeyShownDetail } from "../../element/index.ts";
import { showExchange } from "./exchange.ts";

interface Config {
  readonly issuer: string;
  readonly client_id: string;
  readonly audience: string;
  readonly base_url: string;
}

const get = (id: string): HTMLElement => {
  const element = document.getElementById(id);
  if (!element) throw new Error(`There is no ${id}.`);
  return element;
};
const home = `${location.origin}/`;

async function start(): Promise<void> {
  const config = (await (await fetch("/config.json")).json()) as Config;
  const auth0 = new Auth0Client({
    domain: config.issuer,
    clientId: config.client_id,
    authorizationParams: {
      redirect_uri: home,
      audience: config.audience,
      scope: "openid profile email read:api_keys write:api_keys",
    },
  });
  const logIn = async (prompt?: "login") =>
    auth0.loginWithRedirect({ authorizationParams: prompt ? { prompt } : {} });

  get("log-in").addEventListener("click", () => void logIn());
  get("log-out").addEventListener("click", () => void auth0.logout({ logoutParams: { returnTo: home } }));
  await finishLogin(auth0);
  const user = await auth0.getUser();
  get("welcome").hidden = user !== undefined;
  get("account").hidden = get("app").hidden = user === undefined;
  if (!user) return;

  get("who").textContent = user.email ?? user.sub ?? "";
  get("greeting").textContent = `Hello, ${user.name?.split(" ")[0] ?? "you"}`;
  const element = document.querySelector("auth0-api-keys");
  if (!element) return;
  element.addEventListener("login-required", (event) => {
    const { reason } = (event as CustomEvent<{ readonly reason: string }>).detail;
    void logIn(reason === "recent_login_required" ? "login" : undefined);
  });
  element.addEventListener("api-key-shown", (event) => {
    showExchange(
      (event as CustomEvent<ApiKeyShownDetail>).detail,
      config.issuer,
      () => void element.reload(),
    );
  });
  element.setAttribute("base-url", config.base_url);
  element.getAccessToken = async ({ isFresh }) => {
    const token = await auth0.getTokenSilently({ cacheMode: isFresh ? "off" : "on" });
    if (token === undefined) throw new Error("There is no session.");
    return token;
  };
}

/** Comes back from the login, or finds out whether there is one: then the address holds nothing of it any more. */
async function finishLogin(auth0: Auth0Client): Promise<void> {
  const query = new URLSearchParams(location.search);
  if (query.has("state") && (query.has("code") || query.has("error"))) {
    try {
      await auth0.handleRedirectCallback();
    } finally {
      history.replaceState(undefined, "", "/");
    }
  } else {
    await auth0.checkSession();
  }
}

start().catch((error: unknown) => {
  get("welcome").hidden = false;
  get("problem").hidden = false;
  get("problem").textContent = error instanceof Error ? error.message : "The page could not start.";
});
