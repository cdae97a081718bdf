import { createHash } from "node:crypto";

import type { Trigger } from "./bundle.ts";
import type { IpThrottlingStage } from "./config.ts";

/** A resource server (API) as far as a deployment is about it. */
export interface ApiState {
  readonly id: string;
  readonly identifier: string;
  readonly scopes: readonly { readonly value: string; readonly description: string }[];
  readonly skipsConsent: boolean;
}

/** What is known of an Action's secrets: names, and when each was set. */
export interface SecretState {
  readonly name: string;
  readonly updatedAt: string;
}

/** The version of an Action that runs. */
export interface DeployedState {
  readonly versionId: string;
  readonly number: number;
  readonly codeHash: string;
  readonly dependencies: readonly { readonly name: string; readonly version: string }[];
  readonly runtime: string;
  readonly secrets: readonly SecretState[];
}

/** One of the product's Actions, found by its name. */
export interface ActionState {
  readonly trigger: Trigger;
  readonly id: string;
  readonly name: string;
  /** Whether its code begins like one of ours. */
  readonly isMarked: boolean;
  /** Hash of the draft, which may differ from what runs. */
  readonly draftHash: string;
  readonly secrets: readonly SecretState[];
  readonly deployed: DeployedState | undefined;
}

/** An Action bound to post-login, ours or another's. */
export interface BindingState {
  readonly id: string;
  readonly actionId: string;
  readonly displayName: string;
}

/** The token exchange profile of our `subject_token_type`, or else of our Action. */
export interface ProfileState {
  readonly id: string;
  readonly name: string;
  readonly subjectTokenType: string;
  readonly actionId: string;
}

/** A client of the deployment and the types of profiles that it may use; `undefined` where it has no such list. */
export interface ClientState {
  readonly clientId: string;
  readonly types: readonly string[] | undefined;
}

/** The tenant, as far as a deployment is about it. It holds no secret and no code, so that it can be kept in a journal. */
export interface TenantState {
  readonly apis: readonly ApiState[];
  readonly actions: readonly ActionState[];
  readonly bindings: readonly BindingState[];
  readonly profile: ProfileState | undefined;
  readonly clients: readonly ClientState[];
  readonly ipThrottling: IpThrottlingStage | undefined;
}

/** The type of profile that API keys need of a client. */
export const CUSTOM_AUTHENTICATION = "custom_authentication";

/** The state's Action of a trigger. */
export function actionFor({ actions }: TenantState, trigger: Trigger): ActionState | undefined {
  return actions.find((action) => action.trigger === trigger);
}

/** SHA-256 of an Action's code, hexadecimal. */
export function hashOfCode(code: string): string {
  return createHash("sha256").update(code).digest("hex");
}
