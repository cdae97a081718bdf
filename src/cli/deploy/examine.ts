import { gatherFacts, type RedisFacts } from "../../deploy/doctor-facts.ts";
import { pepperFingerprint } from "../../deploy/desired.ts";
import { diagnose, type Finding } from "../../deploy/doctor.ts";
import { ApiKeysError } from "../../core/errors.ts";
import { createRedis } from "../../stores/key-record-reader.ts";
import type { Opened } from "./open-deploying.ts";

const TIMEOUT_MS = 10_000;
/** A key that is never there: to delete it changes nothing, but a read-only token may not even try. */
const PROBE = "apikey-doctor-probe";

/** Looks at the tenant and the Redis database of a deployment, and writes to neither. */
export async function examine({ config, settings, deploying }: Opened): Promise<readonly Finding[]> {
  const { api, desired } = deploying;
  const facts = await gatherFacts({
    api,
    desired,
    config,
    grant: async () => grant(settings),
    redis: async () => lookAtRedis(settings),
  });
  return diagnose(facts, config, desired, pepperFingerprint(settings.peppers));
}

async function grant({ origin, clientId, clientSecret }: Opened["settings"]) {
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
    audience: `${origin}/api/v2/`,
  });
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(`${origin}/oauth/token`, { method: "POST", body, signal }).catch(
    () => undefined,
  );
  if (!response?.ok) {
    throw new ApiKeysError(
      response ? "management_unauthorized" : "management_unavailable",
      response ? "Auth0 gave no token for its Management API." : "Auth0 could not be reached.",
      "Check AUTH0_DOMAIN, AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET, and that the application may use the Management API.",
    );
  }
  const { scope } = (await response.json()) as { readonly scope?: string };
  return { scopes: (scope ?? "").split(" "), date: response.headers.get("date") };
}

async function lookAtRedis({ actionSecrets, redisToken }: Opened["settings"]): Promise<RedisFacts> {
  const url = actionSecrets.UPSTASH_REDIS_REST_URL;
  const open = (token: string) => createRedis({ url, token, timeoutMs: TIMEOUT_MS });
  const redis = open(actionSecrets.UPSTASH_REDIS_REST_TOKEN);
  // The client's errors quote the command; only whether there was one is looked at.
  const isDone = async (answer: Promise<unknown>) =>
    answer.then(
      () => true,
      () => false,
    );
  if (!(await isDone(redis.get(PROBE)))) return { kind: "unreachable" };
  const canWrite = await isDone(redis.del(PROBE));
  // Not for a read-only token to ask; and Upstash does not document it, so it may refuse any.
  const question = ["CONFIG", "GET", "maxmemory-policy"] as const;
  const policy: unknown = await open(redisToken)
    .exec([...question])
    .catch(() => undefined);
  const named = Array.isArray(policy) ? String(policy[1] ?? "") : "";
  return {
    kind: "reached",
    canWrite,
    eviction: named === "" ? "unknown" : named === "noeviction" ? "off" : "on",
  };
}
