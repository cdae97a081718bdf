import express, { type ErrorRequestHandler, type Express } from "express";
import { auth, requiredScopes } from "express-oauth2-jwt-bearer";

/** An API as any Auth0 customer has one: it validates access tokens and knows nothing of API keys. */
export function demoApi(issuer: string, audience: string): Express {
  const app = express();
  app.use(auth({ issuerBaseURL: issuer, audience }));
  app.get("/me", (request, response) => {
    response.json({ sub: request.auth?.payload.sub, act: request.auth?.payload["act"] });
  });
  app.get("/things", requiredScopes("read:things"), (_request, response) => {
    response.json({ things: ["anvil", "rocket skates"] });
  });
  app.post("/things", requiredScopes("write:things"), (_request, response) => {
    response.status(201).json({ created: "giant magnet" });
  });
  app.use(refuse);
  return app;
}

// Express would print the stack of every 401 and 403.
const refuse: ErrorRequestHandler = (
  error: { status?: number; headers?: Record<string, string> },
  _request,
  response,
  _next,
) => {
  response
    .status(error.status ?? 500)
    .set(error.headers ?? {})
    .end();
};
