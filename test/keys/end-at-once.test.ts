import { afterAll, beforeAll, expect, test } from "vitest";

import { showKey } from "../../src/keys/list.ts";
import { endOverlap, rotateKey } from "../../src/keys/rotate.ts";
import { runKeysCli } from "../support/cli.ts";
import { freshKeys } from "../support/fresh-keys.ts";
import { ADA, environmentOf, stage, type Stage } from "../support/stage.ts";

let s: Stage;
beforeAll(async () => {
  s = await stage();
});
afterAll(async () => s.stop());

// The Actions go by their own clock, which is not that of whoever ends a secret.
test.each([
  ["an hour ahead", 3_600_000],
  ["an hour behind", -3_600_000],
])("a secret that is ended at once has ended, by an operator whose clock is %s too", async (_, skewMs) => {
  const operator = freshKeys(s, { nowMs: Date.now() + skewMs });
  const first = await s.create(ADA);
  await rotateKey(operator, ADA, first.id, { overlapSeconds: 0 });
  const ended = await s.exchange(first.key);
  expect([ended.status, ended.body["error_description"]]).toEqual([
    400,
    "This API key was rotated, and its previous secret expired at once.",
  ]);

  const second = await s.create(ADA);
  await rotateKey(s.keys, ADA, second.id, { overlapSeconds: 7 * 86_400 });
  expect((await s.exchange(second.key)).status).toBe(200);
  await endOverlap(operator, ADA, second.id);
  expect((await s.exchange(second.key)).status).toBe(400);
  expect(await showKey(s.keys, ADA, second.id)).toHaveProperty("previous.exp", 0);
  const { out } = await runKeysCli(["show", second.id, "--user", ADA, "--json"], environmentOf(s));
  expect(JSON.parse(out)).toMatchObject({ previous_secret_until: null, status: "active" });
});
