import { createHash } from "node:crypto";

import type { Trigger } from "./bundle.ts";
import type { IpThrottlingStage } from "./config.ts";
import type { DeploymentMark, Neighbour } from "./mark.ts";

/** A resource server (API) as far as a deployment is about it. */
export interface ApiState {
  readonly id: string;
  readonly identifier: string;
  readonly scopes: readonly { readonly value: string; readonly description: string }[];
  readonly skipsConsent: boolean;
  /** How long its access tokens live. */
  readonly tokenLifetimeSeconds: number;
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
  /** Hash of the code without its mark and fingerprints; missing in journals of older versions. */
  readonly bodyHash?: string;
  /** Fingerprints of the pepper and of each secret. */
  readonly fingerprints?: Readonly<Record<string, string>>;
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
  /** The deployment that its code was made for, where that is not this one. */
  readonly madeFor?: string;
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

/** The token exchange profile of our `subject_token_type`, or else ours of before: of our Action, with our name or type. */
export interface ProfileState {
  readonly id: string;
  readonly name: string;
  readonly subjectTokenType: string;
  readonly actionId: string;
  /** The name of that Action, if there is one. */
  readonly actionName?: string;
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
  /** What the deployment's own Actions say of it; `undefined` where there are none, or those of an older version. */
  readonly mark?: DeploymentMark | undefined;
  /** The other deployments of the tenant. */
  readonly neighbours: readonly Neighbour[];
  /** How many Actions and profiles the tenant has in all. */
  readonly counts: { readonly actions: number; readonly profiles: number };
}

/** The type of profile that API keys need of a client. */
export const CUSTOM_AUTHENTICATION = "custom_authentication";

/** The state's Action of a trigger. */
export function actionFor({ actions }: TenantState, trigger: Trigger): ActionState | undefined {
  return actions.find((action) => action.trigger === trigger);
}

/** The deployment's own Actions: made by this tool, and for this tenant. */
export function ownActions({ actions }: TenantState): readonly ActionState[] {
  return actions.filter(({ isMarked, madeFor }) => isMarked && madeFor === undefined);
}

/** SHA-256 of an Action's code, hexadecimal. */
export function hashOfCode(code: string): string {
  return createHash("sha256").update(code).digest("hex");
}
