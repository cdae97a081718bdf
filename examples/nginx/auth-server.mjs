// Answers nginx's subrequests: 204 with the header to forward, or 401 or 403 with a challenge.
import { serve } from "@hono/node-server";
import { ApiKeyGateway, ApiKeyTokenSource, authRequestResponse, scopeByMethod } from "auth0-api-keys/client";

const { CLIENT_ID, ISSUER, PORT = "3001", SUBJECT_TOKEN_TYPE } = process.env;
const gateway = new ApiKeyGateway({
  source: new ApiKeyTokenSource({
    token_endpoint: `${ISSUER}oauth/token`,
    client_id: CLIENT_ID,
    subject_token_type: SUBJECT_TOKEN_TYPE,
  }),
  issuer: ISSUER,
  audience: "https://api.acme.example",
  scope: scopeByMethod({ read: "read:things", write: "write:things" }),
  keyPrefixes: ["acme_live"],
});

serve(
  {
    // The address is set by nginx, which overwrites what a client may have sent.
    fetch: async (request) =>
      authRequestResponse(gateway, request, request.headers.get("x-real-ip") ?? undefined),
    hostname: "127.0.0.1",
    port: Number(PORT),
  },
  ({ port }) => {
    process.stdout.write(`http://127.0.0.1:${port}\n`);
  },
);
