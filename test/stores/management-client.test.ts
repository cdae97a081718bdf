import { createServer } from "node:http";

import { expect, test } from "vitest";

import { listen } from "../../src/local/listen.ts";
import { createManagementClient } from "../../src/stores/management-client.ts";
import { userKeyStore } from "../../src/stores/user-key-store.ts";

test.each(["/oauth/token", "/api/v2/users/"])(
  "a request to %s that is not answered is given up after the timeout, which the lease of a lock relies on",
  { timeout: 5_000 },
  async (unanswered) => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      if (!request.url?.startsWith(unanswered)) {
        response.setHeader("content-type", "application/json");
        response.end('{"access_token":"a.b.c","expires_in":86400,"token_type":"Bearer"}');
      }
    });
    const listening = await listen((request, response) => void server.emit("request", request, response), 0);
    const { url } = listening;
    const client = createManagementClient({
      origin: url,
      managementApi: `${url}/api/v2`,
      managementAudience: `${url}/api/v2/`,
      clientId: "client",
      clientSecret: "secret",
      timeoutMs: 100,
    });
    const read = userKeyStore(client, "api_keys").read("auth0|ada");
    await expect(read).rejects.toMatchObject({ code: "management_unavailable" });
    expect(asked.at(-1)).toContain(unanswered);
    await listening.close();
  },
);
