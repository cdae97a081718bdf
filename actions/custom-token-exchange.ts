import { decideExchange, ourFault } from "../src/core/decide-exchange.ts";
import { readPeppers, type Peppers } from "../src/core/peppers.ts";
import { createRedis, readKeyRecord } from "../src/stores/key-record-reader.ts";
import { noteUse } from "../src/stores/key-use-writer.ts";

const REDIS_TIMEOUT_MS = 2_000;

// Auth0 keeps a module for many executions, which may interleave: only what depends on the secrets alone is kept.
let kept: { of: string; peppers: Peppers; redis: ReturnType<typeof createRedis> } | undefined;

/** Verifies the API key that is presented as `subject_token`, and sets its user. */
export async function onExecuteCustomTokenExchange(
  event: CustomTokenExchangeEvent,
  api: CustomTokenExchangeApi,
): Promise<void> {
  // The error is not logged: a bad secret's would quote it.
  const decision = await decide(event).catch(() => ourFault("unprepared"));
  const line = { event: "api_key_exchange", cause: decision.cause, key_id: decision.keyId };
  console.log(JSON.stringify(line));
  switch (decision.kind) {
    case "grant":
      if (decision.organizationId !== undefined) api.authentication.setOrganization(decision.organizationId);
      api.authentication.setActor(decision.actor);
      api.authentication.setUserById(decision.userId);
      if (DEPLOYMENT.lastUsed) {
        await noteUse(event.secrets, decision.keyId, event.request.ip, Math.floor(Date.now() / 1000));
      }
      return;
    case "reject":
      return api.access.rejectInvalidSubjectToken(decision.reason);
    case "deny":
      return api.access.deny(decision.code, decision.reason);
  }
}

async function decide({
  client,
  organization,
  request,
  resource_server,
  secrets,
  transaction,
}: CustomTokenExchangeEvent) {
  const { peppers, redis } = prepare(secrets);
  return decideExchange(
    {
      subjectToken: transaction.subject_token,
      clientId: client.client_id,
      ip: request.ip,
      audience: resource_server?.identifier,
      organizationId: organization?.id,
      requestedScopes: transaction.requested_scopes,
      hasActorToken: transaction.actor_token !== undefined && transaction.actor_token !== null,
    },
    DEPLOYMENT,
    peppers,
    (keyId) => readKeyRecord(redis, keyId),
    Math.floor(Date.now() / 1000),
  );
}

function prepare({
  API_KEY_PEPPER = "",
  UPSTASH_REDIS_REST_TOKEN = "",
  UPSTASH_REDIS_REST_URL = "",
}: CustomTokenExchangeEvent["secrets"]) {
  const of = JSON.stringify([API_KEY_PEPPER, UPSTASH_REDIS_REST_TOKEN, UPSTASH_REDIS_REST_URL]);
  if (kept?.of !== of) {
    const redis = createRedis({
      url: UPSTASH_REDIS_REST_URL,
      token: UPSTASH_REDIS_REST_TOKEN,
      timeoutMs: REDIS_TIMEOUT_MS,
    });
    const peppers = readPeppers(API_KEY_PEPPER);
    if (typeof peppers === "string") throw new TypeError(peppers);
    kept = { of, peppers, redis };
  }
  return kept;
}
