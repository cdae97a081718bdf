// The self-service API, from the environment: what both servers beside this file mount.
import { readFileSync } from "node:fs";

import { defineConfig } from "auth0-api-keys/config";
import { createApiKeysHandler, openStores } from "auth0-api-keys/self-service";

// As in deploy.config.ts: a key that is made here must be one that the deployed Action takes.
const config = defineConfig({
  subjectTokenType: "urn:acme:api-key",
  keyPrefix: "acme_live",
  apis: [
    {
      identifier: "https://api.acme.example",
      scopes: { "read:things": "Read things", "write:things": "Create and change things" },
    },
  ],
  clients: ["acmeCommandLineClient00000000001"],
});

const { env } = process;
const local = env.LOCAL_TENANT && JSON.parse(readFileSync(env.LOCAL_TENANT, "utf8"));

/** The tenant, and the single-page application that users log in to. */
export const tenant = local
  ? {
      origin: new URL(local.issuer).origin,
      audience: "https://self-service.acme.example",
      clientId: "acmeSelfServicePage0000000000001",
    }
  : {
      origin: `https://${env.AUTH0_DOMAIN}`,
      audience: env.SELF_SERVICE_AUDIENCE,
      clientId: env.SELF_SERVICE_CLIENT_ID,
    };

const settings = local
  ? {
      clientId: local.management_client_id,
      clientSecret: local.management_client_secret,
      redisUrl: local.redis_rest_url,
      redisToken: local.redis_rest_token,
      pepper: local.api_key_pepper,
    }
  : {
      clientId: env.AUTH0_CLIENT_ID,
      clientSecret: env.AUTH0_CLIENT_SECRET,
      redisUrl: env.UPSTASH_REDIS_REST_URL,
      redisToken: env.UPSTASH_REDIS_REST_TOKEN,
      pepper: env.API_KEY_PEPPER,
    };

export function selfService(options) {
  return createApiKeysHandler({
    stores: openStores(config, { origin: tenant.origin, ...settings }),
    issuer: `${tenant.origin}/`,
    audience: tenant.audience,
    onError: (error) => process.stderr.write(`self-service: ${error.message}\n`),
    ...options,
  });
}
