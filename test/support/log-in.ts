import { createHash, randomBytes } from "node:crypto";

import { SELF_SERVICE } from "../../src/cli/self-service-page.ts";
import { post, type Answer, type Stage } from "./stage.ts";

export { SELF_SERVICE };

/** A browser as far as a login needs one: it keeps cookies, and follows nothing by itself. */
export class Browser {
  readonly #cookies = new Map<string, string>();

  async get(url: string): Promise<Response> {
    return this.#send(url, {});
  }

  async submit(url: string, fields: Readonly<Record<string, string>>): Promise<Response> {
    return this.#send(url, { method: "POST", body: new URLSearchParams(fields) });
  }

  async #send(url: string, init: RequestInit): Promise<Response> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { ...init, redirect: "manual", headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.#cookies.set(name, value);
    }
    return response;
  }
}

/** An authorization request of the page, with the secret half of its PKCE pair. */
export function authorizationOf(
  s: Stage,
  changes: Readonly<Record<string, string | undefined>> = {},
): { readonly url: string; readonly redirectUri: string; readonly verifier: string } {
  const redirectUri = new URL("/", s.local.description.self_service_url).href;
  const verifier = randomBytes(32).toString("base64url");
  const all = {
    client_id: SELF_SERVICE.clientId,
    redirect_uri: redirectUri,
    response_type: "code",
    scope: "openid profile email read:api_keys write:api_keys",
    audience: SELF_SERVICE.audience,
    state: "the state",
    nonce: "the nonce",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...changes,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    url: `${s.local.description.issuer}authorize?${new URLSearchParams(given).toString()}`,
    redirectUri,
    verifier,
  };
}

/** The hidden field of the login form. */
export async function loginStateOf(form: Response): Promise<string> {
  return /name="state" value="([^"]+)"/.exec(await form.text())?.[1] ?? "";
}

/** Exchanges an authorization code at the token endpoint. */
export async function redeem(
  s: Stage,
  code: string,
  { redirectUri, verifier }: { readonly redirectUri: string; readonly verifier: string },
): Promise<Answer> {
  const { token_endpoint } = s.local.description;
  return post(
    token_endpoint,
    new URLSearchParams({
      grant_type: "authorization_code",
      client_id: SELF_SERVICE.clientId,
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
    }),
  );
}

/** Logs a user in as the page does, with a new browser; gives what the token endpoint answered. */
export async function logIn(
  s: Stage,
  userId: string,
  changes: Readonly<Record<string, string | undefined>> = {},
): Promise<Answer> {
  const browser = new Browser();
  const request = authorizationOf(s, changes);
  const state = await loginStateOf(await browser.get(request.url));
  const done = await browser.submit(`${s.local.description.issuer}u/login`, { state, user_id: userId });
  const code = new URL(done.headers.get("location") ?? "").searchParams.get("code") ?? "";
  return redeem(s, code, request);
}
