// Express: the API under /self-service, and a page of plain HTML with <auth0-api-keys> on it.
import { fileURLToPath } from "node:url";

import { getRequestListener } from "@hono/node-server";
import express from "express";

import { selfService, tenant } from "./handler.mjs";

const { PORT = "3000" } = process.env;
const app = express();

// Express takes the path of the mount away, so the handler needs no basePath. No body parser may stand before it.
app.use("/self-service", getRequestListener(selfService()));

app.use((_request, response, next) => {
  response.set(
    "content-security-policy",
    `default-src 'none'; script-src 'self'; connect-src 'self' ${tenant.origin}; frame-src ${tenant.origin}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  next();
});
app.get("/config.json", (_request, response) => response.json(tenant));
const here = (file) => new URL(file, import.meta.url);
for (const [path, file] of [
  ["/", here("index.html")],
  ["/main.js", here("main.js")],
  ["/element.js", import.meta.resolve("auth0-api-keys/element")],
  [
    "/auth0-spa-js.js",
    new URL("../auth0-spa-js.production.esm.js", import.meta.resolve("@auth0/auth0-spa-js")),
  ],
]) {
  app.get(path, (_request, response) => response.sendFile(fileURLToPath(file), { dotfiles: "allow" }));
}

const server = app.listen(Number(PORT), "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
