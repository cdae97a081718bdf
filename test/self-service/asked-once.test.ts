import { afterEach, expect, test } from "vitest";

import { Moments } from "../../src/core/moments.ts";
import { selfServiceStage, type SelfServiceStage } from "../support/self-service.ts";
import { ADA, AUDIENCE, GRACE } from "../support/stage.ts";
import { openWire } from "../support/wire.ts";

let stage: SelfServiceStage | undefined;
afterEach(async () => stage?.stop());

test("an answer is remembered for a while, and asked for anew from then on", async () => {
  let [now, asked] = [100, 0];
  const moments = new Moments<number>(10, () => now);
  const ask = async () => Promise.resolve(++asked);
  expect([await moments.get("a", ask), await moments.get("a", ask)]).toEqual([1, 1]);
  expect(await moments.get("b", ask)).toBe(2);
  now = 109;
  expect(await moments.get("a", ask)).toBe(1);
  now = 110;
  expect(await moments.get("a", ask)).toBe(3);
});

test("who wants the same at once asks once, and a failure is told to all and remembered by none", async () => {
  let asked = 0;
  const moments = new Moments<number>(10, () => 0);
  const failing = async () => {
    asked++;
    return Promise.reject(new Error("down"));
  };
  const all = await Promise.allSettled([moments.get("a", failing), moments.get("a", failing)]);
  expect([asked, all.map(({ status }) => status)]).toEqual([1, ["rejected", "rejected"]]);
  expect(await moments.get("a", async () => Promise.resolve(7))).toBe(7);
});

test("one user who asks 110 times what may be given costs the tenant a few requests", async () => {
  stage = await selfServiceStage();
  const one = stage;
  const { s } = one;
  const api = s.local.tenant.resourceServers.get(AUDIENCE);
  if (api) s.local.tenant.resourceServers.set(AUDIENCE, { ...api, enforce_policies: true });
  const [ada, grace] = [await one.tokenOf(ADA), await one.tokenOf(GRACE)];
  const wire = openWire(s);
  const asked = async (token: string, times: number) => {
    await wire.disturb(
      -1,
      async (send) => send(),
      async () => {
        for (let at = 0; at < times; at++) await one.call("GET", "/scopes", { token });
      },
    );
    return wire.requests.filter((one) => one.includes("/api/v2/")).length;
  };
  // Two APIs; the user's permissions of one and the organizations, twice if ten seconds go by.
  expect(await asked(ada, 110)).toBeLessThanOrEqual(2 + 2 * 2);
  // What belongs to the tenant is known already.
  expect(await asked(grace, 1)).toBe(2);
  wire.close();
});

test("a key is made, renamed, rotated and revoked with two requests each once its list was seen", async () => {
  stage = await selfServiceStage();
  const one = stage;
  const { s } = one;
  const token = await one.tokenOf(ADA);
  await one.call("GET", "/scopes", { token });
  const wire = openWire(s);
  const asked = async (method: string, path: string, body?: object) => {
    await wire.disturb(
      -1,
      async (send) => send(),
      async () => one.call(method, path, { token, ...(body && { body }) }),
    );
    return wire.requests.filter((one) => one.includes("/api/v2/")).map((one) => one.split(" ")[0]);
  };
  expect(await asked("POST", "/api-keys", { name: "counted", scopes: [] })).toEqual(["GET", "PATCH"]);
  const { body } = await one.call("GET", "/api-keys", { token });
  const [{ id }] = body["api_keys"] as [{ readonly id: string }];
  const change = ["GET", "PATCH"];
  expect(await asked("PATCH", `/api-keys/${id}`, { name: "renamed" })).toEqual(change);
  expect(await asked("POST", `/api-keys/${id}/rotate`)).toEqual(change);
  expect(await asked("DELETE", `/api-keys/${id}`)).toEqual(change);
  wire.close();
});
