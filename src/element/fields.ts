import { h } from "./dom.ts";
import { newId } from "./modal.ts";
import { fill } from "./strings.ts";
import type { View } from "./view.ts";

/** A field of the form: it checks itself, and says below itself what is wrong. */
export interface Field<T> {
  readonly element: HTMLElement;
  readonly input: HTMLElement;
  value(): T;
  check(): boolean;
  refuse(text: string): void;
  focus(): void;
}

const MAX_NAME_LENGTH = 64;
const PRESETS = [7, 30, 90, 180, 365];

/** What the key is for. */
export function nameField({ strings }: View): Field<string> {
  const input = h("input", { type: "text", autocomplete: "off", required: true });
  return field(strings.name, input, {
    help: strings.nameHelp,
    value: () => input.value.trim(),
    mistake() {
      const name = input.value.trim();
      // Characters, as the API counts them: the attribute maxlength counts an emoji twice.
      const isTooLong = Array.from(name).length > MAX_NAME_LENGTH;
      return isTooLong ? fill(strings.shortenName, { max: MAX_NAME_LENGTH }) : name ? "" : strings.giveName;
    },
  });
}

/** The scopes, an API after the other, each with its description. */
export function scopesField({ strings, grantable }: View): Field<readonly string[]> {
  const boxes = new Map<string, HTMLInputElement>();
  const audiences = [...new Set(grantable.scopes.map(({ audience }) => audience))];
  const rows = audiences.flatMap((audience) => [
    audiences.length > 1 && h("div", { class: "api" }, audience),
    ...grantable.scopes
      .filter((scope) => scope.audience === audience && !boxes.has(scope.value))
      .map(({ value, description }) => {
        const box = h("input", { type: "checkbox", value });
        boxes.set(value, box);
        const help =
          description === null ? undefined : h("span", { class: "help", id: newId() }, description);
        if (help) box.setAttribute("aria-describedby", help.id);
        return h("label", { class: "option" }, box, h("code", {}, value), help);
      }),
  ]);
  const options = h("div", { class: "options" }, ...rows);
  const chosen = () => [...boxes].filter(([, box]) => box.checked).map(([value]) => value);
  const [first] = boxes.values();
  return field(strings.scopes, options, {
    isGroup: true,
    focused: first ?? options,
    value: chosen,
    mistake: () => (boxes.size > 0 && chosen().length === 0 ? strings.chooseScope : ""),
  });
}

/** The lifetime: presets within the policy, another number of days, or none. */
export function lifetimeField({ strings, grantable: { policy } }: View): Field<number | null> {
  const { max_lifetime_days: max, default_lifetime_days: usual, allow_no_expiry } = policy;
  const days = [...new Set([...PRESETS, usual])].filter((count) => count <= max).toSorted((a, b) => a - b);
  const option = (value: string, text: string) =>
    h("option", { value, selected: value === String(usual) }, text);
  const select = h(
    "select",
    {},
    ...days.map((count) =>
      option(String(count), fill(count === usual ? strings.daysDefault : strings.days, { count })),
    ),
    option("custom", strings.custom),
    allow_no_expiry && option("never", strings.noExpiry),
  );
  const number = h("input", {
    type: "number",
    min: "1",
    max: String(max),
    inputmode: "numeric",
    "aria-label": fill(strings.customDays, { max }),
    hidden: true,
  });
  const warning = h("p", { class: "help", hidden: true }, strings.noExpiryWarning);
  select.addEventListener("change", () => {
    number.hidden = select.value !== "custom";
    warning.hidden = select.value !== "never";
    if (!number.hidden) number.focus();
  });
  const value = () => {
    if (select.value === "never") return null;
    return Number(select.value === "custom" ? number.value : select.value);
  };
  return field(strings.lifetime, select, {
    more: [number, warning],
    value,
    mistake() {
      const count = value();
      const isRight = count === null || (Number.isInteger(count) && count >= 1 && count <= max);
      return isRight ? "" : fill(strings.giveDays, { max });
    },
  });
}

/** The organization whose tokens the key is to give. */
export function organizationField({ strings, grantable }: View): Field<string> {
  const { organizations, organization_id } = grantable;
  const select = h(
    "select",
    {},
    organization_id === null && h("option", { value: "" }, strings.noOrganization),
    ...organizations.map(({ id, name }) =>
      h("option", { value: id, selected: id === organization_id }, name ?? id),
    ),
  );
  return field(strings.organization, select, { value: () => select.value, mistake: () => "" });
}

interface FieldOptions<T> {
  readonly value: () => T;
  /** What is wrong with the value; empty if nothing is. */
  readonly mistake: () => string;
  readonly help?: string;
  readonly isGroup?: boolean;
  readonly focused?: HTMLElement;
  readonly more?: readonly Node[];
}

function field<T>(text: string, input: HTMLElement, options: FieldOptions<T>): Field<T> {
  const { value, mistake, help, isGroup, focused = input, more = [] } = options;
  const wrong = h("p", { class: "wrong", id: newId() });
  const helping = help !== undefined && h("p", { class: "help", id: newId() }, help);
  input.id ||= newId();
  const element = isGroup
    ? h(
        "fieldset",
        { class: "field", "aria-describedby": wrong.id },
        h("legend", {}, text),
        input,
        ...more,
        wrong,
      )
    : h("div", { class: "field" }, h("label", { for: input.id }, text), input, ...more, helping, wrong);
  if (!isGroup) input.setAttribute("aria-describedby", `${wrong.id}${helping ? ` ${helping.id}` : ""}`);
  const refuse = (why: string) => {
    wrong.textContent = why;
    if (isGroup) return;
    if (why === "") input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
  };
  return {
    element,
    input,
    value,
    refuse,
    check() {
      const why = mistake();
      refuse(why);
      return why === "";
    },
    focus: () => focused.focus(),
  };
}
