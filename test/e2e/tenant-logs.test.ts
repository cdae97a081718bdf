import { readFileSync } from "node:fs";
import { isIP } from "node:net";

import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";

import { ADA, AUDIENCE, stage } from "../support/stage.ts";

// Auth0's schemas of tenant log events, an OpenAPI document: CI names the file where it has one.
const schemasFile = process.env["TENANT_LOG_SCHEMAS"];

test.runIf(schemasFile !== undefined)(
  "every exchange, granted or refused, leaves one tenant log event that fits Auth0's schema",
  async () => {
    const s = await stage();
    const { components } = JSON.parse(readFileSync(schemasFile ?? "", "utf8")) as {
      components: { schemas: Record<"secte" | "fecte", object> };
    };
    // The one format that is used is that of addresses: checked with Node's own parser below.
    const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
    const validators = {
      secte: ajv.compile(components.schemas.secte),
      fecte: ajv.compile(components.schemas.fecte),
    };
    const { key, id } = await s.create(ADA, { scope: "read:things" });
    const mistyped = `${key.slice(0, -1)}${key.endsWith("0") ? "1" : "0"}`;

    await s.exchange(key, { audience: AUDIENCE, scope: "read:things" });
    await s.exchange(key, { audience: AUDIENCE, scope: undefined });
    await s.exchange(key, { audience: AUDIENCE, scope: "delete:things" });
    await s.exchange(mistyped);
    await s.local.redis.execute(["FLUSHALL"]);
    await s.exchange(key);

    const logs = s.local.tenant.logs;
    expect(logs.map(({ type }) => type)).toEqual(["secte", "secte", "fecte", "fecte", "fecte"]);
    for (const log of logs) {
      const fits = validators[log.type];
      expect(fits(log), `${log.type}: ${ajv.errorsText(fits.errors)}`).toBe(true);
      expect(isIP(String((log as { ip?: unknown }).ip))).not.toBe(0);
      // What the schemas leave out and Auth0's pages promise: the presented key is in no log.
      expect(JSON.stringify(log)).not.toContain(key.slice(-38));
    }
    expect(logs[0]).toMatchObject({ user_id: ADA, details: { actor: { sub: `api-key|${id}` } } });
    await s.stop();
  },
);
