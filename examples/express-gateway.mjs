// An Express API that accepts API keys and access tokens alike. All that is new is the gateway in front of auth().
import { ApiKeyGateway, ApiKeyTokenSource, expressGateway, scopeByMethod } from "auth0-api-keys/client";
import express from "express";
import { auth, requiredScopes } from "express-oauth2-jwt-bearer";

const { CLIENT_ID, ISSUER, PORT = "3000", SUBJECT_TOKEN_TYPE } = process.env;
const audience = "https://api.acme.example";

const gateway = new ApiKeyGateway({
  source: new ApiKeyTokenSource({
    token_endpoint: `${ISSUER}oauth/token`,
    client_id: CLIENT_ID,
    subject_token_type: SUBJECT_TOKEN_TYPE,
  }),
  issuer: ISSUER,
  audience,
  scope: scopeByMethod({ read: "read:things", write: "write:things" }),
  keyPrefixes: ["acme_live"],
});

const app = express();
app.use(expressGateway(gateway));
app.use(auth({ issuerBaseURL: ISSUER, audience }));
app.get("/things", requiredScopes("read:things"), (request, response) => {
  response.json({ owner: request.auth.payload.sub, things: ["anvil"] });
});
app.post("/things", requiredScopes("write:things"), (request, response) => {
  response.status(201).json({ owner: request.auth.payload.sub });
});

const server = app.listen(Number(PORT), "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
