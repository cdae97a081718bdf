import type { Trigger } from "./bundle.ts";
import type { IpThrottlingStage } from "./config.ts";
import type { Scope } from "./desired.ts";

/** Where an Action is bound: `behind` all of these that are bound still. */
export type BindingPosition = "first" | "last" | { readonly behind: readonly string[] };

/** One thing to do to a tenant. What depends on what others may have changed meanwhile is read again when it is done. */
export type Effect =
  | {
      readonly kind: "create_api";
      readonly identifier: string;
      readonly scopes: readonly Scope[];
      readonly tokenLifetimeSeconds?: number;
    }
  | {
      readonly kind: "update_api";
      readonly identifier: string;
      readonly skipsConsent?: boolean;
      readonly tokenLifetimeSeconds?: number;
      readonly setScopes: readonly Scope[];
      readonly removeScopes: readonly string[];
    }
  /** `scopes`: those that it had; with others, it is not deleted. */
  | { readonly kind: "delete_api"; readonly identifier: string; readonly scopes: readonly string[] }
  | { readonly kind: "create_action"; readonly trigger: Trigger }
  | { readonly kind: "update_action"; readonly trigger: Trigger; readonly actionId: string }
  | {
      readonly kind: "deploy_version";
      readonly trigger: Trigger;
      readonly actionId: string;
      readonly versionId: string;
    }
  | { readonly kind: "delete_action"; readonly trigger: Trigger; readonly actionId: string }
  | { readonly kind: "bind"; readonly position: BindingPosition }
  | { readonly kind: "unbind"; readonly actionId: string }
  | {
      readonly kind: "create_profile";
      readonly name: string;
      readonly subjectTokenType: string;
    }
  | {
      readonly kind: "update_profile";
      readonly id: string;
      readonly name: string;
      readonly subjectTokenType: string;
    }
  | {
      readonly kind: "replace_profile";
      readonly id: string;
      readonly name: string;
      readonly subjectTokenType: string;
    }
  | { readonly kind: "delete_profile"; readonly id: string }
  | { readonly kind: "enable_client"; readonly clientId: string }
  /** `keepsList`: whether an empty list stays, since there was one before. */
  | { readonly kind: "disable_client"; readonly clientId: string; readonly keepsList: boolean }
  | { readonly kind: "set_ip_throttling"; readonly stage: IpThrottlingStage };

/** A line of a plan. */
export interface Change {
  readonly sign: "+" | "~" | "-";
  /** The resource: `Action api-keys-post-login`. */
  readonly what: string;
  readonly why: readonly string[];
  /** What does not work while this is done. */
  readonly outage?: string;
  readonly effect: Effect;
}
