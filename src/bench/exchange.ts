import { randomBytes, randomUUID } from "node:crypto";

import { Hono } from "hono";

import { listen } from "../local/listen.ts";
import { createSigningKey } from "../local/oauth/signing-key.ts";
import type { BenchSize } from "./bench-size.ts";
import type { BenchTenant } from "./bench-tenant.ts";
import { checkStores } from "./check-stores.ts";
import { compare, type Comparison } from "./load.ts";

/**
 * The whole exchange beside what people use instead, `client_credentials` of one application a key, beside a bare
 * endpoint that only signs RS256, and beside that endpoint with the one request to Redis without which no key can be
 * checked: all over the same server code.
 */
export async function benchExchange(
  bench: BenchTenant,
  size: Pick<BenchSize, "requests" | "rounds">,
): Promise<readonly Comparison[]> {
  const { description } = bench.local;
  const { audience } = description;
  const [, rest] = checkStores(bench);
  const [bare, bareAndRedis] = await Promise.all([
    listen(await bareEndpoint(async () => undefined), 0),
    listen(await bareEndpoint(async () => rest.lookUp(bench.key.id)), 0),
  ]);
  const exchange = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token_type: description.subject_token_type,
    subject_token: bench.key.reveal(),
    client_id: description.client_id,
    audience,
  });
  const clientCredentials = new URLSearchParams({
    grant_type: "client_credentials",
    ...addApplication(bench),
    audience,
  });
  const send = (url: string, body: URLSearchParams) => async () => fetch(url, { method: "POST", body });
  try {
    return await compare(
      {
        exchange: send(description.token_endpoint, exchange),
        client_credentials: send(description.token_endpoint, clientCredentials),
        bare: send(`${bare.url}/token`, exchange),
        bare_and_redis: send(`${bareAndRedis.url}/token`, exchange),
      },
      size,
    );
  } finally {
    await Promise.all([bare.close(), bareAndRedis.close()]);
  }
}

async function bareEndpoint(lookUp: () => Promise<unknown>): Promise<Hono> {
  const signingKey = await createSigningKey();
  return new Hono().post("/token", async (c) => {
    await c.req.text();
    await lookUp();
    const iat = Math.floor(Date.now() / 1000);
    const claims = { iss: "bare", sub: "auth0|ada", iat, exp: iat + 86_400 };
    return c.json({ access_token: await signingKey.sign(claims, "JWT") });
  });
}

/** Puts in the application that stands for one key, and its grant for the API. */
function addApplication({ local: { tenant, description } }: BenchTenant): {
  readonly client_id: string;
  readonly client_secret: string;
} {
  const credentials = { client_id: randomUUID(), client_secret: randomBytes(48).toString("base64url") };
  tenant.clients.set(credentials.client_id, {
    ...credentials,
    name: "one application a key",
    token_endpoint_auth_method: "client_secret_post",
    grant_types: ["client_credentials"],
    is_first_party: true,
    oidc_conformant: true,
    is_token_endpoint_ip_header_trusted: false,
    client_metadata: {},
  });
  const { audience } = description;
  const scope = tenant.resourceServers.get(audience)?.scopes ?? [];
  tenant.clientGrants.push({ client_id: credentials.client_id, audience, scope });
  return credentials;
}
