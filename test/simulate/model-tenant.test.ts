import { expect, test } from "vitest";

import { ModelTenant } from "../../src/simulate/model-tenant.ts";
import { World } from "../../src/simulate/world.ts";

const MINUTE_MS = 60_000;

function tenantOf(exchangesPerSecond = 1_000) {
  const world = new World(0);
  const tenant = new ModelTenant(world, () => 0, { exchangesPerSecond, lifetimeSeconds: 60 });
  /** Sends a key from an address, and gives the status of the answer. */
  const send = async (address: string, forwarded?: string): Promise<number> => {
    const headers = forwarded === undefined ? {} : { "auth0-forwarded-for": forwarded };
    const answer = tenant.fetchFrom(address)("https://tenant", { body: "subject_token=key", headers });
    await world.run(world.nowMs() + 1_000);
    return (await answer).status;
  };
  return { world, tenant, send };
}

test("ten wrong keys block an address and no other; one more is allowed ten minutes later; revoked keys count for nothing", async () => {
  const { world, tenant, send } = tenantOf();
  tenant.judge = () => "revoked";
  for (let at = 0; at < 20; at++) expect(await send("gateway")).toBe(400);
  tenant.judge = () => "unknown";
  for (let at = 0; at < 10; at++) expect(await send("gateway")).toBe(400);
  tenant.judge = () => "grant";
  expect(await send("gateway")).toBe(429);
  expect(await send("elsewhere")).toBe(200);
  expect(await send("gateway", "customer")).toBe(200);
  tenant.allowlist.add("gateway");
  expect(await send("gateway")).toBe(200);
  tenant.allowlist.clear();
  await world.run(world.nowMs() + 10 * MINUTE_MS);
  expect(await send("gateway")).toBe(200);
  expect(tenant.blocked).toBe(1);
});

test("a plan is granted, and what is above it is refused with a second to wait", async () => {
  const { world, tenant } = tenantOf(4);
  const answers = Array.from({ length: 6 }, async () =>
    tenant.fetchFrom("a")("https://tenant", { body: "" }),
  );
  await world.run(200);
  const seen = await Promise.all(answers);
  expect(seen.map(({ status }) => status)).toEqual([200, 200, 200, 200, 429, 429]);
  expect(seen.at(-1)?.headers.get("retry-after")).toBe("1");
  expect([tenant.exchanges, tenant.limited]).toEqual([4, 2]);
});

test("a tenant that is down answers 503 until it is up again", async () => {
  const { tenant, send } = tenantOf();
  tenant.downUntilMs = 500;
  expect(await send("a")).toBe(503);
  expect(await send("a")).toBe(200);
});
