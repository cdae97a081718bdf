import { ApiError } from "./api-client.ts";
import { h, newIdempotencyKey } from "./dom.ts";
import { lifetimeField, nameField, organizationField, scopesField, type Field } from "./fields.ts";
import { once, openModal } from "./modal.ts";
import { showKey } from "./shown-key.ts";
import type { NewKey, ShownKey } from "./types.ts";
import type { View } from "./view.ts";

/** The dialog that makes a key, and then shows it. */
export function openCreateDialog(
  root: ShadowRoot,
  view: View,
  onMade: (shown: ShownKey) => void,
  onClose: () => void,
): void {
  const { strings, grantable } = view;
  const name = nameField(view);
  const scopes = scopesField(view);
  const lifetime = lifetimeField(view);
  const organization = organizationField(view);
  const fields: readonly Field<unknown>[] = [name, scopes, lifetime, organization];
  const guard = closeGuard(view);
  const modal = openModal(root, () => guard.mayClose(modal), onClose);
  // The same body sent again is the same request: a key that was made, and whose answer was lost, is not made twice.
  let sent = { body: "", idempotencyKey: "" };

  const submit = h("button", { type: "submit", class: "primary" }, strings.create);
  const make = once(submit, strings.working, async () => {
    modal.alert("");
    const wrong = fields.find((field) => !field.check());
    if (wrong) return wrong.focus();
    const bound = organization.value();
    const body: NewKey = {
      name: name.value(),
      scopes: scopes.value(),
      expires_in_days: lifetime.value(),
      ...(bound !== "" && { organization_id: bound }),
    };
    const text = JSON.stringify(body);
    if (sent.body !== text) sent = { body: text, idempotencyKey: newIdempotencyKey() };
    try {
      const shown = await view.client.create(body, sent.idempotencyKey);
      onMade(shown);
      guard.watch(showKey(modal, strings.shownTitle, shown, view));
    } catch (error) {
      const isOfName =
        error instanceof ApiError && (error.code === "name_taken" || error.code === "name_invalid");
      if (!isOfName) return modal.alert(view.explain(error));
      name.refuse(view.explain(error));
      name.focus();
    }
  });
  const form = h(
    "form",
    {
      class: "panel-form",
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        make();
      },
    },
    name.element,
    scopes.element,
    lifetime.element,
    grantable.organizations.length > 0 && organization.element,
  );
  const id = "api-keys-create";
  form.id = id;
  submit.setAttribute("form", id);
  const cancel = h("button", { type: "button", onclick: () => modal.close() }, strings.cancel);
  modal.show(strings.createTitle, [form, h("div", { class: "buttons" }, cancel, submit)], name.input);
}

/** Keeps the first Escape from closing a key that was not copied. */
export function closeGuard(view: View): {
  watch(wasCopied: () => boolean): void;
  mayClose(modal: { alert(text: string): void }): boolean;
} {
  let isCopied: () => boolean = () => true;
  let wasWarned = false;
  return {
    watch(wasCopied) {
      isCopied = wasCopied;
    },
    mayClose(modal) {
      if (wasWarned || isCopied()) return true;
      wasWarned = true;
      modal.alert(view.strings.notCopied);
      return false;
    },
  };
}
