import { planApply } from "../../deploy/apply.ts";
import { gatherFacts } from "../../deploy/doctor-facts.ts";
import { pepperFingerprint } from "../../deploy/desired.ts";
import { diagnose } from "../../deploy/doctor.ts";
import type { Checked } from "../../deploy/finding.ts";
import { ApiKeysError } from "../../core/errors.ts";
import { examineStore, type StoreFacts } from "../../stores/examine-store.ts";
import type { Opened } from "./open-deploying.ts";

const TIMEOUT_MS = 10_000;

/** Looks at the tenant and the Redis database of a deployment, and writes to neither. */
export async function examine(opened: Opened): Promise<readonly Checked[]> {
  const { config, settings, deploying } = opened;
  const { api, desired } = deploying;
  const facts = await gatherFacts({
    api,
    desired,
    config,
    grant: async () => grant(settings),
    store: async () => examineStoreOf(opened),
    plan: async () => planApply(deploying),
  });
  return diagnose(facts, config, desired, pepperFingerprint(settings.peppers));
}

/** Looks at the database with both tokens: with what the Action will get, before it gets it. */
export async function examineStoreOf({ settings, keys }: Opened): Promise<StoreFacts> {
  const { actionSecrets, redisToken: token } = settings;
  const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: actionToken } = actionSecrets;
  return examineStore({ url, token, actionToken }, keys.deployment, settings.peppers);
}

/** A token of the Management API: its scopes, and the `Date` of the answer. */
export async function grant({
  origin,
  managementAudience,
  clientId,
  clientSecret,
}: Pick<Opened["settings"], "origin" | "managementAudience" | "clientId" | "clientSecret">): Promise<{
  readonly scopes: readonly string[];
  readonly date: string | null;
}> {
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
    audience: managementAudience,
  });
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(`${origin}/oauth/token`, {
    method: "POST",
    body,
    signal,
    redirect: "error",
  }).catch(() => undefined);
  if (!response?.ok) {
    throw new ApiKeysError(
      response ? "management_unauthorized" : "management_unavailable",
      response
        ? `Auth0 gave no token for its Management API (${managementAudience}).`
        : "Auth0 could not be reached.",
      "Check AUTH0_DOMAIN, AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET, and that the application may use the Management API. Where AUTH0_DOMAIN is a custom domain, set AUTH0_TENANT_DOMAIN to the tenant's own.",
    );
  }
  const { scope } = (await response.json()) as { readonly scope?: string };
  return { scopes: (scope ?? "").split(" "), date: response.headers.get("date") };
}
