// The parts of Auth0's two triggers that the Actions use, as documented: Auth0's own package of types is not on npm.

import type { DeployedDeployment } from "../src/core/deployment.ts";

declare global {
  /** What the deploy configuration says to the Actions; put in by the bundler. */
  const DEPLOYMENT: DeployedDeployment;

  /** The event of trigger `custom-token-exchange`, version 1. `request.body` holds secrets: it is left out on purpose. */
  interface CustomTokenExchangeEvent {
    readonly client: { readonly client_id: string };
    readonly organization?: { readonly id: string };
    readonly request: { readonly ip?: string };
    readonly resource_server?: { readonly identifier: string };
    readonly secrets: Readonly<Record<string, string | undefined>>;
    readonly transaction: {
      readonly subject_token: string;
      readonly subject_token_type: string;
      readonly requested_scopes: readonly string[];
      readonly actor_token?: string | null;
    };
  }

  /** The API of trigger `custom-token-exchange`. Every method records a command, returns nothing and stops nothing. */
  interface CustomTokenExchangeApi {
    readonly access: {
      deny(code: string, reason: string): void;
      rejectInvalidSubjectToken(reason: string): void;
    };
    readonly authentication: {
      setActor(actor: { readonly sub: string; readonly tag: string }): void;
      setOrganization(idOrName: string): void;
      setUserById(userId: string): void;
    };
  }

  /** The event of trigger `post-login`, version 3. */
  interface PostLoginEvent {
    readonly client?: { readonly client_id: string };
    readonly organization?: { readonly id: string };
    readonly request?: { readonly ip?: string };
    readonly resource_server?: { readonly identifier: string };
    readonly transaction?: {
      readonly protocol?: string;
      readonly subject_token_type?: string;
      readonly requested_scopes?: readonly string[];
      /** The chain of actors: its form is open. */
      readonly actor?: unknown;
    };
    readonly user: { readonly app_metadata?: unknown };
  }

  /** The API of trigger `post-login`. */
  interface PostLoginApi {
    readonly access: { deny(reason: string): void };
    readonly accessToken: { removeScope(scope: string): void };
  }
}
