import { h } from "./dom.ts";
import { absolute, isNear, relative } from "./format.ts";
import { fill } from "./strings.ts";
import type { ApiKey } from "./types.ts";
import type { KeyActions, View } from "./view.ts";

/** The user's keys: those that work first, those that ended behind a fold. */
export function keyList(keys: readonly ApiKey[], view: View, actions: KeyActions): HTMLElement {
  const isOver = ({ status }: ApiKey) => status === "revoked" || status === "expired";
  const [living, ended] = [keys.filter((key) => !isOver(key)), keys.filter(isOver)];
  const list = (some: readonly ApiKey[]) =>
    h("ul", { class: "list", role: "list" }, ...some.map((key) => item(key, view, actions)));
  return h(
    "div",
    {},
    living.length > 0 && list(living),
    ended.length > 0 &&
      h(
        "details",
        living.length === 0 ? { open: true } : {},
        h("summary", {}, fill(view.strings.ended, { count: ended.length })),
        list(ended),
      ),
  );
}

function item(key: ApiKey, view: View, actions: KeyActions): HTMLElement {
  const { strings } = view;
  const isAlive = key.status !== "revoked" && key.status !== "expired";
  const near = isAlive && key.expires_at !== null && isNear(key.expires_at, view.nowMs());
  return h(
    "li",
    { class: "key", "data-id": key.id },
    h(
      "div",
      {},
      h(
        "div",
        { class: "title" },
        h("h3", {}, key.name),
        h("span", { class: `badge ${key.status}` }, strings[key.status]),
        near &&
          h(
            "span",
            { class: "badge warn" },
            fill(strings.expiresSoon, { when: relative(key.expires_at ?? "", view.nowMs(), view.locale) }),
          ),
      ),
      key.hint !== null && h("div", { class: "hint" }, key.hint),
    ),
    isAlive && buttons(key, view, actions),
    facts(key, view),
    isAlive && key.rotation && rotation(key, key.rotation.previous_expires_at, view, actions),
  );
}

function buttons(key: ApiKey, { strings }: View, actions: KeyActions): HTMLElement {
  const { name } = key;
  const isDisabled = key.status === "disabled";
  const button = (text: string, label: string, action: string, onclick: () => void, style = "") =>
    h(
      "button",
      { type: "button", class: style, "aria-label": fill(label, { name }), "data-action": action, onclick },
      text,
    );
  return h(
    "div",
    { class: "actions" },
    !isDisabled &&
      !key.rotation &&
      button(strings.rotate, strings.rotateLabel, "rotate", () => actions.rotate(key)),
    isDisabled
      ? button(strings.enable, strings.enableLabel, "enable", () => actions.setDisabled(key, false))
      : button(strings.disable, strings.disableLabel, "disable", () => actions.setDisabled(key, true)),
    button(strings.revoke, strings.revokeLabel, "revoke", () => actions.revoke(key), "quiet-danger"),
  );
}

function rotation(key: ApiKey, until: string, view: View, actions: KeyActions): HTMLElement {
  const { strings } = view;
  const button = (text: string, label: string, what: "cancel-rotation" | "end-overlap") =>
    h(
      "button",
      {
        type: "button",
        "data-action": what,
        "aria-label": fill(label, { name: key.name }),
        onclick: () => actions.change(key, what),
      },
      text,
    );
  return h(
    "div",
    { class: "notice" },
    h("p", {}, fill(strings.rotation, { when: absolute(until, view.locale) })),
    button(strings.endOverlap, strings.endOverlapLabel, "end-overlap"),
    button(strings.cancelRotation, strings.cancelRotationLabel, "cancel-rotation"),
  );
}

function facts(key: ApiKey, view: View): HTMLElement {
  const { strings, grantable } = view;
  const fact = (name: string, value: Node | string) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  const organization = grantable.organizations.find(({ id }) => id === key.organization_id);
  return h(
    "dl",
    { class: "facts" },
    fact(strings.scopes, scopes(key, view)),
    key.organization_id !== null && fact(strings.organization, organization?.name ?? key.organization_id),
    fact(strings.created, moment(key.created_at, view)),
    fact(strings.lastUsed, key.last_used ? moment(key.last_used.at, view) : strings.never),
    key.revoked_at === null
      ? fact(strings.expires, key.expires_at === null ? strings.never : moment(key.expires_at, view))
      : fact(strings.revokedAt, moment(key.revoked_at, view)),
  );
}

function scopes({ scopes }: ApiKey, { strings }: View): Node | string {
  if (scopes === null) return strings.allScopes;
  if (scopes.length === 0) return strings.noScopes;
  return h("span", { class: "chips" }, ...scopes.map((scope) => h("span", { class: "chip" }, scope)));
}

function moment(time: string, { nowMs, locale }: View): HTMLElement {
  return h("time", { datetime: time, title: absolute(time, locale) }, relative(time, nowMs(), locale));
}
