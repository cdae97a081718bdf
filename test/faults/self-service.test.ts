import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";

import { keyIn, selfServiceStage, type SelfServiceStage, type ShownKey } from "../support/self-service.ts";
import { ADA, type Answer } from "../support/stage.ts";
import { FAULTS, openWire, type Fault, type Wire } from "../support/wire.ts";
import { openWorldClock } from "../support/world-clock.ts";

let stage: SelfServiceStage;
let wire: Wire;
let token: string;
beforeAll(async () => {
  const clock = openWorldClock();
  stage = await selfServiceStage({ nowMs: () => clock.nowMs, clock });
  wire = openWire(stage.s);
});
afterAll(async () => {
  vi.useRealTimers();
  wire.close();
  await stage.stop();
});
beforeEach(async () => {
  token = await stage.tokenOf(ADA);
});

const send = async (path: string, body: object, idempotencyKey: string): Promise<Answer> =>
  stage.call("POST", path, { token, body, headers: { "idempotency-key": idempotencyKey } });
const list = async () => {
  const { body } = await stage.call("GET", "/api-keys", { token });
  return body["api_keys"] as ShownKey[];
};
const isGranted = async (key: unknown) => (await stage.s.exchange(String(key))).status === 200;

test.each(Object.entries<Fault>(FAULTS))(
  "whichever request of a create %s, sent again it makes one key, which works",
  async (name, fault) => {
    const body = { name: "disturbed", scopes: ["read:things"] };
    for (let at = 0, isOver = false; !isOver; at++) {
      await stage.stores.keys.users.write(ADA, []);
      const idempotencyKey = `create-${at}-${name.replaceAll(/\W/g, "-")}`;
      const first = (await wire.disturb(at, fault, async () =>
        send("/api-keys", body, idempotencyKey),
      )) as Answer;
      isOver = wire.requests.length <= at;
      const label = `${at}: ${wire.requests[at]}`;
      expect([201, 500, 503], label).toContain(first.status);
      const again = await send("/api-keys", body, idempotencyKey);
      expect(again.status, label).toBe(201);
      if (first.status === 201) expect(again.body["key"], label).toBe(first.body["key"]);
      expect(await list(), label).toHaveLength(1);
      expect(await isGranted(again.body["key"]), label).toBe(true);
      expect(at).toBeLessThan(40);
    }
  },
);

test.each(Object.entries<Fault>(FAULTS))(
  "whichever request of a rotation %s, sent again it rotates once, and both secrets work",
  async (name, fault) => {
    for (let at = 0, isOver = false; !isOver; at++) {
      await stage.stores.keys.users.write(ADA, []);
      const idempotencyKey = `rotate-${at}-${name.replaceAll(/\W/g, "-")}`;
      const made = await send(
        "/api-keys",
        { name: "rotated", scopes: ["read:things"] },
        `${idempotencyKey}-made`,
      );
      const path = `/api-keys/${keyIn(made).id}/rotate`;
      const first = (await wire.disturb(at, fault, async () => send(path, {}, idempotencyKey))) as Answer;
      isOver = wire.requests.length <= at;
      const label = `${at}: ${wire.requests[at]}`;
      const again = await send(path, {}, idempotencyKey);
      expect(again.status, label).toBe(200);
      if (first.status === 200) expect(again.body["key"], label).toBe(first.body["key"]);
      expect(await isGranted(made.body["key"]), label).toBe(true);
      expect(await isGranted(again.body["key"]), label).toBe(true);
      expect(at).toBeLessThan(40);
    }
  },
);
