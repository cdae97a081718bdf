import { exchangeCommand } from "./command.ts";
import { copyText, h } from "./dom.ts";
import type { Modal } from "./modal.ts";
import type { ShownKey } from "./types.ts";
import type { View } from "./view.ts";

/** Shows a key, this once: with a button that copies it, and the command that exchanges it. Gives whether it was copied. */
export function showKey(modal: Modal, title: string, { api_key, key }: ShownKey, view: View): () => boolean {
  const { strings } = view;
  let wasCopied = false;
  const status = h("p", { role: "status", class: "help" });
  const command = exchangeCommand(api_key, view.grantable);
  const copyButton = (text: string, label: string, style: string, onCopied: () => void) => {
    const copy = async () => {
      const isCopied = await copyText(text);
      if (isCopied) onCopied();
      button.textContent = isCopied ? strings.copied : label;
      status.textContent = isCopied ? strings.copied : strings.copyFailed;
    };
    const button = h("button", { type: "button", class: style, onclick: () => void copy() }, label);
    return button;
  };
  const code = h("code", { class: "value", tabindex: "0", "aria-label": title }, key);
  code.addEventListener("copy", () => (wasCopied = true));
  const copy = copyButton(key, strings.copy, "primary copy-key", () => (wasCopied = true));
  modal.show(
    title,
    [
      h("p", {}, strings.shownText),
      h("div", { class: "secret" }, code, h("div", { class: "row" }, status, copy)),
      h(
        "div",
        { class: "field" },
        h(
          "div",
          { class: "row" },
          h("h3", {}, strings.commandTitle),
          copyButton(command, strings.copyCommand, "copy-command", () => undefined),
        ),
        h("p", { class: "help" }, strings.commandText),
        h("pre", { tabindex: "0", "aria-label": strings.commandTitle, role: "region" }, command),
      ),
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "button", class: "done", onclick: () => modal.close() }, strings.done),
      ),
    ],
    copy,
  );
  return () => wasCopied;
}
