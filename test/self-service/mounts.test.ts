import { getRequestListener } from "@hono/node-server";
import fastify from "fastify";
import { afterAll, beforeAll, expect, test } from "vitest";

import { selfServiceStage, type SelfServiceStage } from "../support/self-service.ts";
import { ADA } from "../support/stage.ts";

let stage: SelfServiceStage;
beforeAll(async () => {
  stage = await selfServiceStage({ handler: { basePath: "/self-service" } });
});
afterAll(async () => stage.stop());

test("Fastify: the handler behind its own parser of bodies, which is told to leave them alone", async () => {
  const app = fastify();
  const listener = getRequestListener(stage.handler);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  app.all("/self-service/*", async (request, reply) => {
    reply.hijack();
    await listener(request.raw, reply.raw);
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  const made = await fetch(`${url}/self-service/api-keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${await stage.tokenOf(ADA)}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "from Fastify", scopes: ["read:things"] }),
  });
  const { key } = (await made.json()) as { readonly key: string };
  const refused = await fetch(`${url}/self-service/api-keys`);
  await app.close();
  expect([made.status, (await stage.s.exchange(key)).status, refused.status]).toEqual([201, 200, 401]);
});
