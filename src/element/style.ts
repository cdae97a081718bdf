/** The look, by custom properties: `--api-keys-…` set on the element overrides each. */
export const CSS = `
:host {
  --_accent: var(--api-keys-accent, light-dark(#4338ca, #a5b4fc));
  --_on-accent: var(--api-keys-on-accent, light-dark(#ffffff, #14142b));
  --_text: var(--api-keys-text, light-dark(#16181d, #eceef4));
  --_soft: var(--api-keys-soft-text, light-dark(#565d6b, #a9b0bf));
  --_paper: var(--api-keys-background, light-dark(#ffffff, #171a21));
  --_raised: var(--api-keys-raised, light-dark(#f6f7fa, #20242d));
  --_line: var(--api-keys-line, light-dark(#d9dce3, #383e4a));
  --_danger: var(--api-keys-danger, light-dark(#b42318, #ff9c92));
  --_on-danger: var(--api-keys-on-danger, light-dark(#ffffff, #2a0805));
  --_warn: var(--api-keys-warning, light-dark(#8a4b00, #ffc46b));
  --_good: var(--api-keys-good, light-dark(#05603a, #7ce0ad));
  --_radius: var(--api-keys-radius, 12px);
  --_mono: var(--api-keys-mono, ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, monospace);
  color-scheme: light dark; display: block; container-type: inline-size; color: var(--_text);
  font: var(--api-keys-font, 400 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif);
}
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
h2, h3, h4, p, ul, dl, dd, fieldset, pre { margin: 0; padding: 0; }
h2 { font-size: 1.35rem; line-height: 1.25; letter-spacing: -0.01em; }
h3 { font-size: 1rem; font-weight: 600; overflow-wrap: anywhere; }
ul { list-style: none; }
.soft, .help { color: var(--_soft); }
.help { font-size: 0.875rem; }
.head { display: flex; gap: 1rem; align-items: start; justify-content: space-between; margin-bottom: 1.25rem; }
.list { border: 1px solid var(--_line); border-radius: var(--_radius); background: var(--_paper); overflow: clip; }
.key { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0.65rem 1rem; padding: 1.05rem 1.2rem; }
.key + .key { border-top: 1px solid var(--_line); }
.title { display: flex; flex-wrap: wrap; gap: 0.3rem 0.6rem; align-items: center; }
.hint { margin-top: 0.15rem; font: 0.85rem/1.5 var(--_mono); color: var(--_soft); overflow-wrap: anywhere; }
.facts { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 0.35rem 1.6rem; font-size: 0.875rem; }
.facts > div { display: flex; gap: 0.4rem; flex-wrap: wrap; }
dt { color: var(--_soft); }
.chips { display: inline-flex; flex-wrap: wrap; gap: 0.3rem; }
.chip, .badge { font-size: 0.78rem; line-height: 1.35rem; padding: 0 0.5rem; border-radius: 99px; border: 1px solid var(--_line); overflow-wrap: anywhere; }
.chip { font-family: var(--_mono); background: var(--_raised); border-radius: 6px; }
.badge { font-weight: 600; }
.badge.active { color: var(--_good); border-color: currentcolor; }
.badge.warn, .badge.disabled { color: var(--_warn); border-color: currentcolor; }
.badge.revoked, .badge.expired { color: var(--_soft); border-color: currentcolor; }
.actions { display: flex; flex-wrap: wrap; gap: 0.4rem; align-items: start; justify-content: end; }
.notice { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 0.4rem 0.8rem; align-items: center; padding: 0.5rem 0.8rem; font-size: 0.875rem; border-radius: 8px; background: var(--_raised); border: 1px dashed var(--_line); }
.notice p { flex: 1 1 14rem; }
details { margin-top: 1rem; }
summary { cursor: pointer; color: var(--_soft); padding: 0.35rem 0.2rem; border-radius: 6px; }
details .list { margin-top: 0.5rem; }
.state { display: grid; justify-items: center; gap: 0.65rem; text-align: center; padding: 3rem 1.5rem; border: 1px dashed var(--_line); border-radius: var(--_radius); background: var(--_paper); }
.state p { max-width: 26rem; color: var(--_soft); }
.skeleton { height: 6.2rem; border-bottom: 1px solid var(--_line); background: linear-gradient(var(--_line) 0 0) 1.2rem 1.2rem / min(9rem, 60%) 1rem no-repeat, linear-gradient(var(--_line) 0 0) 1.2rem 2.6rem / min(14rem, 75%) 0.7rem no-repeat, linear-gradient(var(--_line) 0 0) 1.2rem 4.2rem / min(24rem, 85%) 0.8rem no-repeat; animation: breathe 1.6s ease-in-out infinite alternate; }
.skeleton:last-child { border: 0; }
@keyframes breathe { from { opacity: 0.9; } to { opacity: 0.4; } }
button { font: inherit; font-size: 0.9rem; font-weight: 550; color: var(--_text); background: var(--_paper); border: 1px solid var(--_line); border-radius: calc(var(--_radius) * 0.66); padding: 0.4rem 0.8rem; min-height: 2.25rem; cursor: pointer; white-space: nowrap; }
button:hover { background: var(--_raised); }
button.primary { color: var(--_on-accent); background: var(--_accent); border-color: var(--_accent); }
button.danger { color: var(--_on-danger); background: var(--_danger); border-color: var(--_danger); }
button.primary:hover, button.danger:hover { filter: brightness(1.08); }
button.quiet-danger { color: var(--_danger); }
button[aria-disabled="true"] { opacity: 0.65; cursor: progress; }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; }
h2:focus-visible, .state:focus-visible { outline: none; }
dialog { color: var(--_text); background: var(--_paper); border: 1px solid var(--_line); border-radius: calc(var(--_radius) * 1.33); padding: 0; width: min(34rem, calc(100vw - 1.5rem)); max-height: calc(100dvh - 1.5rem); box-shadow: 0 1.5rem 4rem rgb(0 0 0 / 0.3); }
dialog::backdrop { background: rgb(10 12 20 / 0.55); }
.panel { display: grid; gap: 1.1rem; padding: 1.5rem; }
form { display: grid; gap: 1.1rem; }
[role="alert"]:empty { display: none; }
.field { display: grid; gap: 0.35rem; border: 0; min-width: 0; }
label, legend { font-weight: 600; font-size: 0.92rem; padding: 0; }
input, select { font: inherit; color: var(--_text); background: var(--_paper); border: 1px solid light-dark(#868d9a, #7b8494); border-radius: calc(var(--_radius) * 0.66); padding: 0.5rem 0.7rem; min-height: 2.5rem; width: 100%; }
[aria-invalid="true"] { border-color: var(--_danger); }
.wrong { color: var(--_danger); font-size: 0.875rem; }
.options { display: grid; gap: 0.1rem; border: 1px solid var(--_line); border-radius: calc(var(--_radius) * 0.66); padding: 0.4rem; max-height: 15rem; overflow: auto; }
.option { display: grid; grid-template-columns: auto 1fr; gap: 0 0.65rem; align-items: center; padding: 0.4rem; border-radius: 6px; font-weight: 400; cursor: pointer; }
.option:hover { background: var(--_raised); }
.option input { width: 1.1rem; height: 1.1rem; min-height: 0; margin: 0; accent-color: var(--_accent); }
.option code { font: 0.88rem/1.4 var(--_mono); overflow-wrap: anywhere; }
.option .help { grid-column: 2; }
.api { padding: 0.35rem 0.4rem 0; font-size: 0.8rem; color: var(--_soft); overflow-wrap: anywhere; }
.buttons { display: flex; flex-wrap: wrap; gap: 0.6rem; justify-content: end; }
.secret { display: grid; gap: 0.7rem; padding: 1rem; border-radius: var(--_radius); background: var(--_raised); border: 1px solid var(--_line); }
.secret code { font: 600 0.98rem/1.5 var(--_mono); overflow-wrap: anywhere; user-select: all; }
pre { font: 0.8rem/1.55 var(--_mono); white-space: pre-wrap; overflow-wrap: anywhere; padding: 0.8rem 1rem; border-radius: calc(var(--_radius) * 0.66); background: var(--_raised); border: 1px solid var(--_line); max-height: 11rem; overflow: auto; }
.row { display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: center; justify-content: space-between; }
.alert { padding: 0.65rem 0.9rem; border: 1px solid var(--_danger); border-radius: calc(var(--_radius) * 0.66); color: var(--_danger); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@container (max-width: 34rem) {
  .head { flex-direction: column; }
  .head button { width: 100%; }
  .key { grid-template-columns: minmax(0, 1fr); }
  .actions { justify-content: start; }
  .actions button { flex: 1; padding-inline: 0.4rem; }
}
@media (max-width: 30rem) { .panel { padding: 1.1rem; } .buttons button { flex: 1; } }
@media (prefers-reduced-motion: reduce) { .skeleton { animation: none; } }
@media (forced-colors: active) { .badge, .chip, button { border-color: currentcolor; } }
`;
