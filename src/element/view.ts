import type { ApiClient } from "./api-client.ts";
import type { Strings } from "./strings.ts";
import type { ApiKey, Grantable } from "./types.ts";

/** What the parts of the element share. */
export interface View {
  readonly strings: Strings;
  readonly locale: string | undefined;
  readonly nowMs: () => number;
  readonly client: ApiClient;
  readonly grantable: Grantable;
  /** What went wrong, in words for people. */
  explain(error: unknown): string;
  /** Says something to whoever listens to the page instead of looking at it. */
  announce(text: string): void;
}

/** What can be done with a key in the list. */
export interface KeyActions {
  rotate(apiKey: ApiKey): void;
  revoke(apiKey: ApiKey): void;
  setDisabled(apiKey: ApiKey, disabled: boolean): void;
  change(apiKey: ApiKey, what: "cancel-rotation" | "end-overlap"): void;
}
