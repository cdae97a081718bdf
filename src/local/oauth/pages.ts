import type { User } from "../tenant-objects.ts";
import type { ReturnAddress } from "./authorization-request.ts";
import { newName } from "./sessions.ts";

/** A page with the headers that keep it from doing anything else. */
export interface Page {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #16181d; --soft: #5c6370; --line: #d9dce3; --paper: #fff; --back: #f3f4f8; --accent: #4338ca; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceef4; --soft: #a4abba; --line: #343946; --paper: #1a1d25; --back: #101218; --accent: #a5b4fc; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--back); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 25rem; background: var(--paper); border: 1px solid var(--line); border-radius: 1rem; padding: 2rem; box-shadow: 0 1rem 3rem rgb(0 0 0 / .08); }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; }
p { margin: 0 0 1.5rem; color: var(--soft); }
button { display: flex; align-items: center; gap: .9rem; width: 100%; text-align: left; font: inherit; color: inherit; background: none; border: 1px solid var(--line); border-radius: .75rem; padding: .7rem .9rem; margin: 0 0 .7rem; cursor: pointer; }
button:hover, button:focus-visible { border-color: var(--accent); outline: 2px solid var(--accent); outline-offset: 1px; }
.face { flex: none; display: grid; place-items: center; width: 2.5rem; height: 2.5rem; border-radius: 50%; background: var(--accent); color: var(--paper); font-weight: 600; }
small { display: block; color: var(--soft); }
footer { color: var(--soft); font-size: .85rem; margin-top: 1rem; }`;

/** The login form: whoever sits at this machine picks a user. No passwords, since these users have none. */
export function loginPage(users: readonly User[], login: string, address: ReturnAddress): Page {
  const buttons = users.map((user) => {
    const { name = user.user_id, email = user.user_id } = user as Readonly<Record<string, string>>;
    const face = name
      .split(" ")
      .map((word) => word.charAt(0))
      .join("");
    return `<button name="user_id" value="${escape(user.user_id)}"><span class="face" aria-hidden="true">${escape(face.slice(0, 2))}</span><span>${escape(name)}<small>${escape(email)}</small></span></button>`;
  });
  // A redirect after the form counts as the form's action.
  const returnTo = new URL(address.redirectUri).origin;
  return page(
    "Log in",
    `<main><h1>Log in</h1><p>to ${escape(address.client.name)}, on the local tenant</p>
<form method="post" action="/u/login"><input type="hidden" name="state" value="${escape(login)}">${buttons.join("\n")}</form>
<footer>For development: pick a user, there is no password.</footer></main>`,
    `form-action 'self' ${returnTo}; frame-ancestors 'none'`,
  );
}

/** What went wrong, for the person at the browser. */
export function errorPage(title: string, text: string): Page {
  return page(
    title,
    `<main><h1>${escape(title)}</h1><p>${escape(text)}</p></main>`,
    "form-action 'none'; frame-ancestors 'none'",
  );
}

/** `response_mode=web_message`: hands the answer to the page that opened this frame, and to no other origin. */
export function webMessagePage(
  address: ReturnAddress,
  response: Readonly<Record<string, string | undefined>>,
): Page {
  const target = new URL(address.redirectUri).origin;
  const nonce = newName();
  // In a script, nothing ends it but "<".
  const json = (value: unknown) => JSON.stringify(value).replaceAll("<", "\\u003c");
  const script = `(window.opener ?? window.parent).postMessage(${json({ type: "authorization_response", response })}, ${json(target)});`;
  const policy = `default-src 'none'; base-uri 'none'; form-action 'none'; script-src 'nonce-${nonce}'; frame-ancestors ${target}`;
  return {
    html: `<!doctype html><html lang="en"><title>Authorization</title><script nonce="${nonce}">${script}</script></html>`,
    headers: { ...COMMON, "content-security-policy": policy },
  };
}

const COMMON = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

function page(title: string, main: string, policy: string): Page {
  const nonce = newName();
  return {
    html: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title>
<style nonce="${nonce}">${STYLE}</style></head>
<body>${main}</body></html>`,
    headers: {
      ...COMMON,
      "content-security-policy": `default-src 'none'; base-uri 'none'; style-src 'nonce-${nonce}'; ${policy}`,
    },
  };
}

function escape(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? "");
}
