import { h } from "./dom.ts";

let numbers = 0;

/** An id that is new in this document: labels and descriptions name their elements. */
export function newId(): string {
  return `api-keys-${++numbers}`;
}

/** A modal dialog: the browser keeps the focus inside, and gives it back. */
export interface Modal {
  readonly dialog: HTMLDialogElement;
  /** Replaces what is in it, and moves the focus. */
  show(title: string, content: readonly (Node | false | null | undefined)[], focus?: HTMLElement): void;
  /** Says what went wrong inside, where it is read out. */
  alert(text: string): void;
  close(): void;
}

/** Opens a modal dialog in `root`. `mayClose` is asked at Escape; `onClose` comes last, once it is gone. */
export function openModal(root: ShadowRoot, mayClose: () => boolean, onClose: () => void): Modal {
  const alertBox = h("div", { role: "alert" });
  const dialog = h("dialog", {
    oncancel: (event) => {
      if (!mayClose()) event.preventDefault();
    },
    onclose: () => {
      dialog.remove();
      onClose();
    },
  });
  root.append(dialog);
  const say = (text: string) => {
    alertBox.replaceChildren(...(text === "" ? [] : [h("div", { class: "alert" }, text)]));
  };
  return {
    dialog,
    show(title, content, focus) {
      const heading = h("h2", { id: newId(), tabindex: "-1" }, title);
      dialog.setAttribute("aria-labelledby", heading.id);
      say("");
      const nodes = content.filter((node) => node instanceof Node);
      dialog.replaceChildren(
        h("div", { class: "panel" }, heading, ...nodes.slice(0, -1), alertBox, ...nodes.slice(-1)),
      );
      if (!dialog.open) dialog.showModal();
      (focus ?? heading).focus();
    },
    alert: say,
    close: () => dialog.close(),
  };
}

/** Runs work of a button once at a time: a second click while it runs is none. */
export function once(button: HTMLButtonElement, working: string, work: () => Promise<void>): () => void {
  return () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    const text = button.textContent;
    button.setAttribute("aria-disabled", "true");
    button.textContent = working;
    void work().finally(() => {
      button.removeAttribute("aria-disabled");
      button.textContent = text;
    });
  };
}
