// What a page has to do: log the user in, and give the element a way to get access tokens.
import { Auth0Client } from "./auth0-spa-js.js";
import "./element.js";

const { origin, clientId, audience } = await (await fetch("/config.json")).json();
const auth0 = new Auth0Client({
  domain: origin,
  clientId,
  authorizationParams: {
    redirect_uri: `${location.origin}/`,
    audience,
    scope: "openid read:api_keys write:api_keys",
  },
});

if (new URLSearchParams(location.search).has("code")) {
  await auth0.handleRedirectCallback();
  history.replaceState(undefined, "", "/");
} else {
  await auth0.checkSession();
}

const logIn = document.querySelector("#log-in");
const element = document.querySelector("auth0-api-keys");
logIn.addEventListener("click", () => auth0.loginWithRedirect());
element.addEventListener("login-required", ({ detail }) =>
  auth0.loginWithRedirect({
    authorizationParams: detail.reason === "recent_login_required" ? { prompt: "login" } : {},
  }),
);
logIn.hidden = await auth0.isAuthenticated();
if (logIn.hidden) {
  element.getAccessToken = ({ isFresh }) => auth0.getTokenSilently({ cacheMode: isFresh ? "off" : "on" });
}
