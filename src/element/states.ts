import { h } from "./dom.ts";
import type { Strings } from "./strings.ts";

/** What is shown in place of a list: what it is, what to do, and the button that does it. */
export function state(
  title: string,
  text: string,
  label: string,
  onclick: () => void,
  action: string,
): HTMLElement {
  return h(
    "div",
    { class: "state" },
    h("h3", {}, title),
    h("p", {}, text),
    h("button", { type: "button", class: "primary", "data-action": action, onclick }, label),
  );
}

/** What kept the keys from being shown, by its code: each with its own way out. */
export function errorState(
  code: string,
  explained: string,
  strings: Strings,
  retry: () => void,
  logIn: () => void,
): HTMLElement {
  const { offlineTitle, offlineText, sessionTitle, sessionText, errorTitle } = strings;
  const shown =
    code === "login_required"
      ? state(sessionTitle, sessionText, strings.logIn, logIn, "log-in")
      : code === "offline"
        ? state(offlineTitle, offlineText, strings.retry, retry, "retry")
        : state(errorTitle, explained, strings.retry, retry, "retry");
  shown.setAttribute("role", "alert");
  shown.setAttribute("data-state", code);
  return shown;
}
