import { Hono } from "hono";

import { listen } from "../local/listen.ts";
import { createSigningKey } from "../local/oauth/signing-key.ts";
import type { BenchTenant } from "./bench-tenant.ts";
import { compare, type Comparison } from "./load.ts";

/** The whole exchange beside a bare endpoint that only signs RS256, over the same server code. */
export async function benchExchange(
  { local, key }: BenchTenant,
  requests: number,
): Promise<readonly Comparison[]> {
  const { description } = local;
  const signingKey = await createSigningKey();
  const app = new Hono();
  app.post("/token", async (c) => {
    await c.req.text();
    const iat = Math.floor(Date.now() / 1000);
    const claims = { iss: "bare", sub: "auth0|ada", iat, exp: iat + 86_400 };
    return c.json({ access_token: await signingKey.sign(claims, "JWT") });
  });
  const bare = await listen(app, 0);
  const body = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token_type: description.subject_token_type,
    subject_token: key.reveal(),
    client_id: description.client_id,
    audience: description.audience,
  });
  const send = (url: string) => async () => fetch(url, { method: "POST", body });
  try {
    return await compare(send(description.token_endpoint), send(`${bare.url}/token`), requests);
  } finally {
    await bare.close();
  }
}
