import { defineConfig } from "./src/deploy/config.ts";

// What this deployment is. Read by the keys CLI, the bundled Actions and the local tenant alike; nothing in it is secret.
export default defineConfig({
  // What it is called on its tenant. Another name is another deployment: docs/DEPLOY.md.
  name: "api-keys",
  subjectTokenType: "urn:acme:api-key",
  keyPrefix: "acme_live",
  apis: [
    {
      identifier: "https://api.acme.example",
      scopes: {
        "read:things": "Read things",
        "write:things": "Create and change things",
        "delete:things": "Delete things",
      },
    },
  ],
  clients: ["acmeCommandLineClient00000000001"],
  policy: { maxKeysPerUser: 20, defaultLifetimeDays: 90, maxLifetimeDays: 366, allowNoExpiry: false },
  // A user made for this alone: apply exchanges a throw-away key of it to see that the deployment works.
  verify: { userId: "auth0|ada" },
});
