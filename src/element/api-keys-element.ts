import { ApiClient, ApiError, type GetAccessToken } from "./api-client.ts";
import { openCreateDialog } from "./create-dialog.ts";
import { h } from "./dom.ts";
import { openRevokeDialog, openRotateDialog } from "./key-dialogs.ts";
import { keyList } from "./key-list.ts";
import { errorState, state } from "./states.ts";
import { fill, STRINGS, type Strings } from "./strings.ts";
import { CSS } from "./style.ts";
import type { ApiKey, Grantable, ShownKey } from "./types.ts";
import type { KeyActions, View } from "./view.ts";

/** What an `api-key-shown` event tells the page, this once. */
export interface ApiKeyShownDetail extends ShownKey, Pick<Grantable, "exchange" | "scopes"> {}

/**
 * `<auth0-api-keys>`: a user's own API keys. Set the attribute `base-url` to where the self-service API is, and the
 * property `getAccessToken`. It loads when both are there. Removed from the page, or given another of either, it forgets
 * everything: whoever comes next may be another user.
 *
 * Events: `api-key-shown` when a key was made or rotated, with the key in its `detail`, for a page that does something
 * with it at once; `login-required` when there is no session any more, or not a recent one.
 */
export class Auth0ApiKeysElement extends HTMLElement {
  static readonly observedAttributes = ["base-url"];
  readonly #root = this.attachShadow({ mode: "open" });
  readonly #region = h("div", {});
  readonly #status = h("p", { role: "status", class: "hidden" });
  readonly #heading = h("h2", { tabindex: "-1" });
  readonly #head = h("div", { class: "head" });
  #getAccessToken: GetAccessToken | undefined;
  #strings: Strings = STRINGS;
  #keys: readonly ApiKey[] = [];
  #grantable: Grantable | undefined;
  #load = 0;
  /** Aborted when everything is forgotten: what was asked for until then is answered to nobody. */
  #session = new AbortController();

  constructor() {
    super();
    // Adopted, since a strict Content-Security-Policy refuses inline styles.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.append(this.#head, this.#region, this.#status);
  }

  /** Gives an access token with `read:api_keys write:api_keys`; rejects if the user has to log in. */
  get getAccessToken(): GetAccessToken | undefined {
    return this.#getAccessToken;
  }
  set getAccessToken(value: GetAccessToken) {
    if (typeof value !== "function") throw new TypeError("getAccessToken must be a function.");
    if (value === this.#getAccessToken) return;
    this.#getAccessToken = value;
    this.#forget();
    if (this.isConnected) void this.reload();
  }

  /** Texts that replace those of `STRINGS`. Throws a `TypeError` for one that is none of them. */
  get strings(): Partial<Strings> {
    return this.#strings;
  }
  set strings(value: Partial<Strings>) {
    for (const [name, text] of Object.entries<unknown>(value)) {
      if (!Object.hasOwn(STRINGS, name)) throw new TypeError(`There is no text "${name}" in STRINGS.`);
      if (typeof text !== "string") throw new TypeError(`The text "${name}" must be a string.`);
    }
    this.#strings = { ...STRINGS, ...value };
    if (this.#grantable) this.#showKeys();
  }

  connectedCallback(): void {
    // Set before the element was defined, they stand in front of the properties of the class.
    for (const name of ["getAccessToken", "strings"]) {
      const value: unknown = Object.getOwnPropertyDescriptor(this, name)?.value;
      if (Reflect.deleteProperty(this, name) && value !== undefined) Reflect.set(this, name, value);
    }
    if (!this.hasAttribute("base-url")) {
      // eslint-disable-next-line no-console -- Else nothing is shown, and nothing says why.
      console.error('<auth0-api-keys> needs base-url="…": where the self-service API is.');
    }
    window.addEventListener("online", this.#onOnline);
    void this.reload();
  }

  disconnectedCallback(): void {
    window.removeEventListener("online", this.#onOnline);
    this.#forget();
  }

  attributeChangedCallback(): void {
    this.#forget();
    if (this.isConnected) void this.reload();
  }

  /** Reads the keys again. Resolves when they are shown, or what kept them from it. */
  async reload(): Promise<void> {
    const client = this.#client();
    if (!client) return;
    const load = ++this.#load;
    if (!this.#grantable) this.#showLoading();
    try {
      const [keys, grantable] = await Promise.all([client.list(), this.#grantable ?? client.grantable()]);
      if (load !== this.#load) return;
      [this.#keys, this.#grantable] = [keys, grantable];
      this.#showKeys();
    } catch (error) {
      if (load === this.#load) this.#showError(error);
    }
  }

  /** Forgets the user: keys, scopes, the dialog with a key that is shown, and answers that are still to come. */
  #forget(): void {
    this.#load++;
    this.#session.abort();
    this.#session = new AbortController();
    [this.#keys, this.#grantable] = [[], undefined];
    for (const dialog of this.#root.querySelectorAll("dialog")) {
      dialog.replaceChildren();
      dialog.remove();
    }
    for (const part of [this.#head, this.#region, this.#status]) part.replaceChildren();
  }

  readonly #onOnline = () => void this.reload();

  #client(): ApiClient | undefined {
    const baseUrl = this.getAttribute("base-url");
    return baseUrl !== null && this.#getAccessToken
      ? new ApiClient(baseUrl, this.#getAccessToken, this.#session.signal)
      : undefined;
  }

  #view(): View | undefined {
    const client = this.#client();
    if (!client || !this.#grantable) return undefined;
    const language = this.closest("[lang]")?.getAttribute("lang") ?? "";
    return {
      strings: this.#strings,
      locale: language === "" ? undefined : language,
      nowMs: Date.now,
      client,
      grantable: this.#grantable,
      explain: (error) => this.#explain(error),
      announce: (text) => this.#announce(text),
    };
  }

  #showHead(canCreate: boolean): void {
    const { title, intro, newKey } = this.#strings;
    this.#heading.textContent = title;
    const button = h(
      "button",
      { type: "button", class: "primary", "data-action": "create", onclick: () => this.#create() },
      newKey,
    );
    this.#head.replaceChildren(
      h("div", {}, this.#heading, h("p", { class: "soft" }, intro)),
      canCreate ? button : "",
    );
  }

  #showLoading(): void {
    this.#showHead(false);
    this.#region.setAttribute("aria-busy", "true");
    const skeleton = () => h("div", { class: "skeleton" });
    this.#region.replaceChildren(
      h("div", { class: "list", "aria-hidden": "true" }, skeleton(), skeleton(), skeleton()),
    );
    this.#announce(this.#strings.loading);
  }

  #showKeys(): void {
    const view = this.#view();
    if (!view) return;
    const focused = this.#focusedAction();
    this.#region.removeAttribute("aria-busy");
    this.#announce("");
    this.#showHead(this.#keys.length > 0);
    this.#region.replaceChildren(
      this.#keys.length > 0 ? keyList(this.#keys, view, this.#actions) : this.#empty(),
    );
    // What had the focus was replaced: its successor gets it, or the heading.
    if (focused !== undefined) (this.#root.querySelector<HTMLElement>(focused) ?? this.#heading).focus();
  }

  #empty(): HTMLElement {
    const { emptyTitle, emptyText, newKey } = this.#strings;
    return state(emptyTitle, emptyText, newKey, () => this.#create(), "create");
  }

  #showError(error: unknown): void {
    const code = error instanceof ApiError ? error.code : "unreachable";
    this.#region.removeAttribute("aria-busy");
    this.#showHead(false);
    const retry = () => void this.reload();
    const logIn = () => this.#requireLogin(code);
    this.#region.replaceChildren(errorState(code, this.#explain(error), this.#strings, retry, logIn));
    this.#announce("");
  }

  #explain(error: unknown): string {
    const s = this.#strings;
    if (!(error instanceof ApiError)) return s.errorText;
    if (error.code === "recent_login_required") this.#requireLogin(error.code);
    const own: Readonly<Record<string, string>> = {
      offline: s.offlineTitle,
      unreachable: s.errorText,
      login_required: `${s.sessionTitle}. ${s.sessionText}`,
      recent_login_required: s.recentLoginText,
    };
    return own[error.code] ?? error.message;
  }

  #requireLogin(reason: string): void {
    this.dispatchEvent(
      new CustomEvent("login-required", { detail: { reason }, bubbles: true, composed: true }),
    );
  }

  #announce(text: string): void {
    this.#status.textContent = text;
  }

  /** A selector of the button that has the focus, among those that the list makes anew. */
  #focusedAction(): string | undefined {
    const focused = this.#root.activeElement;
    if (!focused || focused.closest("dialog")) return undefined;
    const action = focused.getAttribute("data-action");
    const id = focused.closest("[data-id]")?.getAttribute("data-id");
    if (action === null) return undefined;
    return id === null || id === undefined
      ? `[data-action="${action}"]`
      : `[data-id="${id}"] [data-action="${action}"]`;
  }

  #create(): void {
    const view = this.#view();
    if (view)
      openCreateDialog(
        this.#root,
        view,
        (shown) => this.#shown(shown, view),
        () => void this.#closed('[data-action="create"]'),
      );
  }

  #shown(shown: ShownKey, { grantable }: View): void {
    const detail: ApiKeyShownDetail = { ...shown, exchange: grantable.exchange, scopes: grantable.scopes };
    this.dispatchEvent(new CustomEvent("api-key-shown", { detail, bubbles: true, composed: true }));
  }

  readonly #actions: KeyActions = {
    rotate: (apiKey) => {
      const view = this.#view();
      const selector = `[data-id="${apiKey.id}"] button`;
      if (view)
        openRotateDialog(
          this.#root,
          view,
          apiKey,
          (shown) => this.#shown(shown, view),
          () => void this.#closed(selector),
        );
    },
    revoke: (apiKey) => {
      const view = this.#view();
      let said = "";
      const onRevoked = () => (said = fill(this.#strings.wasRevoked, { name: apiKey.name }));
      const selector = `[data-id="${apiKey.id}"] [data-action="revoke"]`;
      if (view)
        openRevokeDialog(this.#root, view, apiKey, onRevoked, () => void this.#closed(selector, () => said));
    },
    setDisabled: (apiKey, disabled) => {
      const said = disabled ? this.#strings.wasDisabled : this.#strings.wasEnabled;
      const selector = `[data-id="${apiKey.id}"] [data-action="${disabled ? "enable" : "disable"}"]`;
      void this.#change(
        async (client) => client.setDisabled(apiKey.id, disabled),
        fill(said, { name: apiKey.name }),
        selector,
      );
    },
    change: (apiKey, what) => {
      const said = what === "end-overlap" ? this.#strings.wasEnded : this.#strings.wasWithdrawn;
      const selector = `[data-id="${apiKey.id}"] [data-action="rotate"]`;
      void this.#change(
        async (client) => client.change(apiKey.id, what),
        fill(said, { name: apiKey.name }),
        selector,
      );
    },
  };

  async #change(work: (client: ApiClient) => Promise<void>, said: string, selector: string): Promise<void> {
    const client = this.#client();
    if (!client) return;
    const { signal } = this.#session;
    try {
      await work(client);
      await this.#closed(selector, () => said);
    } catch (error) {
      if (!signal.aborted) this.#showError(error);
    }
  }

  /** After a change or a dialog: the list as it is now, the focus where it was, and what has happened. */
  async #closed(selector: string, said: () => string = () => ""): Promise<void> {
    const { signal } = this.#session;
    await this.reload();
    if (signal.aborted) return;
    if (!this.#root.querySelector("dialog"))
      (this.#root.querySelector<HTMLElement>(selector) ?? this.#heading).focus();
    this.#announce(said());
  }
}
