import type { ApiKeyShownDetail } from "../../element/index.ts";
import { exchangeCommand, exchangeFields } from "../../element/command.ts";
import { copyText, h } from "../../element/dom.ts";

const REDACTED_FROM = 12;

/** Exchanges a fresh key and calls the demo API with the token: each step with what was sent and what came back. */
export function showExchange(shown: ApiKeyShownDetail, issuer: string, onExchanged: () => void): void {
  const flow = document.querySelector("#flow");
  const run = document.querySelector<HTMLButtonElement>("#run");
  const text = document.querySelector("#try-text");
  if (!flow || !run || !text) return;
  text.textContent = `What became of “${shown.api_key.name}”, this moment, from your browser.`;
  const carryOut = async () => {
    const command = exchangeCommand(shown.api_key, shown);
    const fields = exchangeFields(shown.api_key, shown);
    const parameters = new URLSearchParams([
      ...fields.map(([...pair]) => pair),
      ["subject_token", shown.key],
    ]);
    const steps = [commandStep(command)];
    try {
      const answer = await fetch(`${issuer}/oauth/token`, { method: "POST", body: parameters });
      const body = (await answer.json()) as Readonly<Record<string, string>>;
      steps.push(step("POST /oauth/token", answer.status, presentTokens(body)));
      const token = body["access_token"];
      if (token !== undefined) {
        steps.push(step("The access token says", undefined, claimsOf(token)));
        const headers = { authorization: `Bearer ${token}` };
        const called = await fetch("/demo-api/things", { headers });
        steps.push(
          step(
            "GET /things at the API",
            called.status,
            (await called.text()) || "refused: the key lacks read:things",
          ),
        );
      }
    } catch {
      steps.push(step("POST /oauth/token", undefined, "There was no answer."));
    }
    flow.replaceChildren(...steps);
    onExchanged();
  };
  run.hidden = false;
  // The button is of the last key: what an older one listened for is gone.
  const again = run.cloneNode(true);
  again.addEventListener("click", () => void carryOut());
  run.replaceWith(again);
  void carryOut();
}

function commandStep(command: string): HTMLElement {
  const copy = async () => {
    button.textContent = (await copyText(command)) ? "Copied" : "Copy";
  };
  const button = h("button", { type: "button", id: "copy-exchange", onclick: () => void copy() }, "Copy");
  return h(
    "div",
    { class: "step" },
    h("div", { class: "step-head" }, "The same in a terminal", button),
    h("pre", { tabindex: "0", id: "exchange-command" }, command),
  );
}

function step(title: string, status: number | undefined, text: string): HTMLElement {
  const isBad = status === undefined || status >= 400;
  return h(
    "div",
    { class: "step" },
    h(
      "div",
      { class: "step-head" },
      title,
      status !== undefined && h("span", { class: `status${isBad ? " bad" : ""}` }, String(status)),
    ),
    h("pre", { tabindex: "0" }, text),
  );
}

function presentTokens(body: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(body).map(([name, value]) => [
    name,
    name.endsWith("_token") ? `${String(value).slice(0, REDACTED_FROM)}…` : value,
  ]);
  return JSON.stringify(Object.fromEntries(shown), undefined, 2);
}

function claimsOf(token: string): string {
  const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(payload), (character) => character.codePointAt(0) ?? 0);
  return JSON.stringify(JSON.parse(new TextDecoder().decode(bytes)), undefined, 2);
}
