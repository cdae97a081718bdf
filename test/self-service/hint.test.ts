import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import type { KeyEntry } from "../../src/core/key-entry.ts";
import { keyIn, selfServiceStage, type SelfServiceStage, type ShownKey } from "../support/self-service.ts";
import { ADA } from "../support/stage.ts";

let stage: SelfServiceStage;
let token: string;
beforeAll(async () => {
  stage = await selfServiceStage();
  token = await stage.tokenOf(ADA);
});
afterAll(async () => stage.stop());
beforeEach(async () => stage.stores.keys.users.write(ADA, []));

const listed = async () =>
  (await stage.call("GET", "/api-keys", { token })).body["api_keys"] as readonly ShownKey[];

test("a key whose beginning is not known, as an imported one's, has no hint until it is rotated", async () => {
  const { key, id } = await stage.s.create(ADA, { scope: "" });
  const [entry] = (await stage.stores.keys.users.read(ADA)).keys;
  const { prefix, ...imported } = entry as KeyEntry;
  expect(key.startsWith(`${prefix}_${id}`)).toBe(true);
  await stage.stores.keys.users.write(ADA, [imported]);
  expect((await listed()).map(({ hint }) => hint)).toEqual([null]);
  const rotated = await stage.call("POST", `/api-keys/${id}/rotate`, { token });
  expect(keyIn(rotated).hint).toBe(`acme_live_${id}…`);
});

test("an ended key that gave way in a full profile can still be recognized", async () => {
  const { id } = await stage.s.create(ADA, { name: "n".repeat(64), scope: "read:things" });
  const user = stage.s.local.tenant.users.get(ADA);
  expect(user).toBeDefined();
  Object.assign(user?.app_metadata ?? {}, { others: "x".repeat(7_900) });
  expect((await stage.call("DELETE", `/api-keys/${id}`, { token })).status).toBe(204);
  const [ended] = await listed();
  expect(ended).toMatchObject({ name: `${"n".repeat(11)}…`, status: "revoked", scopes: null });
  expect(ended?.hint).toBe(`acme_live_${id}…`);
});
