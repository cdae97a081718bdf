import { closeGuard } from "./create-dialog.ts";
import { h, newIdempotencyKey } from "./dom.ts";
import { newId, once, openModal } from "./modal.ts";
import { showKey } from "./shown-key.ts";
import { fill } from "./strings.ts";
import type { ApiKey, ShownKey } from "./types.ts";
import type { View } from "./view.ts";

/** The dialog that rotates a key, and then shows its new secret. */
export function openRotateDialog(
  root: ShadowRoot,
  view: View,
  apiKey: ApiKey,
  onRotated: (shown: ShownKey) => void,
  onClose: () => void,
): void {
  const { strings, client } = view;
  const { name, id } = apiKey;
  const guard = closeGuard(view);
  const modal = openModal(root, () => guard.mayClose(modal), onClose);
  const usual = String(view.grantable.policy.default_overlap_seconds);
  const select = h(
    "select",
    { id: newId() },
    ...[
      ["0", strings.overlapNow],
      ["3600", strings.overlapHour],
      ["86400", strings.overlapDay],
      ["604800", strings.overlapWeek],
    ].map(([value = "", text = ""]) => h("option", { value, selected: value === usual }, text)),
  );
  let sent = { overlap: "", idempotencyKey: "" };
  const rotate = h("button", { type: "button", class: "primary confirm" }, strings.rotate);
  rotate.addEventListener(
    "click",
    once(rotate, strings.working, async () => {
      const overlap = select.value;
      if (sent.overlap !== overlap) sent = { overlap, idempotencyKey: newIdempotencyKey() };
      try {
        const shown = await client.rotate(id, Number(overlap), sent.idempotencyKey);
        onRotated(shown);
        guard.watch(showKey(modal, fill(strings.rotatedTitle, { name }), shown, view));
      } catch (error) {
        modal.alert(view.explain(error));
      }
    }),
  );
  modal.show(
    fill(strings.rotateTitle, { name }),
    [
      h("p", { class: "soft" }, strings.rotateText),
      h("div", { class: "field" }, h("label", { for: select.id }, strings.overlap), select),
      h("div", { class: "buttons" }, cancelButton(modal, view), rotate),
    ],
    select,
  );
}

/** The dialog that asks before a key is revoked. */
export function openRevokeDialog(
  root: ShadowRoot,
  view: View,
  { name, id, hint }: ApiKey,
  onRevoked: () => void,
  onClose: () => void,
): void {
  const { strings, client } = view;
  const modal = openModal(root, () => true, onClose);
  const cancel = cancelButton(modal, view);
  const revoke = h("button", { type: "button", class: "danger confirm" }, strings.revoke);
  revoke.addEventListener(
    "click",
    once(revoke, strings.working, async () => {
      try {
        await client.revoke(id);
        onRevoked();
        modal.close();
      } catch (error) {
        modal.alert(view.explain(error));
      }
    }),
  );
  modal.show(
    fill(strings.revokeTitle, { name }),
    [
      ...(hint === null ? [] : [h("p", { class: "hint" }, hint)]),
      h("p", { class: "soft" }, strings.revokeText),
      h("div", { class: "buttons" }, cancel, revoke),
    ],
    cancel,
  );
}

function cancelButton(modal: { close(): void }, { strings }: View): HTMLButtonElement {
  return h("button", { type: "button", onclick: () => modal.close() }, strings.cancel);
}
