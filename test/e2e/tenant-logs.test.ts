import { readFileSync } from "node:fs";
import { isIP } from "node:net";

import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";

import type { TenantLog } from "../../src/local/tenant-objects.ts";
import { connectApis, passOn } from "../support/hops.ts";
import { ADA, AUDIENCE, stage } from "../support/stage.ts";

// Auth0's schemas of tenant log events, an OpenAPI document: CI names the file where it has one.
const schemasFile = process.env["TENANT_LOG_SCHEMAS"];

test.runIf(schemasFile !== undefined)(
  "every exchange, granted or refused, leaves one tenant log event that fits Auth0's schema",
  async () => {
    const s = await stage();
    const { components } = JSON.parse(readFileSync(schemasFile ?? "", "utf8")) as {
      components: { schemas: Partial<Record<TenantLog["type"], object>> };
    };
    // The one format that is used is that of addresses: checked with Node's own parser below.
    const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
    const { key, id } = await s.create(ADA, { scope: "read:things" });
    const mistyped = `${key.slice(0, -1)}${key.endsWith("0") ? "1" : "0"}`;

    const { body } = await s.exchange(key, { audience: AUDIENCE, scope: "read:things" });
    await s.exchange(key, { audience: AUDIENCE, scope: undefined });
    await s.exchange(key, { audience: AUDIENCE, scope: "delete:things" });
    await s.exchange(mistyped);
    await s.local.redis.execute(["FLUSHALL"]);
    await s.exchange(key);

    connectApis(s, [AUDIENCE]);
    await passOn(s, AUDIENCE, body["access_token"], { audience: AUDIENCE, scope: "read:things" });
    await passOn(s, AUDIENCE, body["access_token"], { audience: AUDIENCE });

    const logs = s.local.tenant.logs;
    expect(logs.map(({ type }) => type)).toEqual([
      "secte",
      "fecte",
      "fecte",
      "fecte",
      "fecte",
      "success_on_behalf_of_token_exchange",
      "failed_on_behalf_of_token_exchange",
    ]);
    for (const log of logs) {
      // Schemas of before August 2026 do not know the exchange on behalf of a user.
      const fits = ajv.compile(components.schemas[log.type] ?? true);
      expect(fits(log), `${log.type}: ${ajv.errorsText(fits.errors)}`).toBe(true);
      expect(isIP(String((log as { ip?: unknown }).ip))).not.toBe(0);
      // What the schemas leave out and Auth0's pages promise: the presented key is in no log.
      expect(JSON.stringify(log)).not.toContain(key.slice(-38));
    }
    expect(logs[0]).toMatchObject({ user_id: ADA, details: { actor: { sub: `api-key|${id}` } } });
    await s.stop();
  },
);
