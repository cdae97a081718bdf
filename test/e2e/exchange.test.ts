import { afterAll, beforeAll, expect, test } from "vitest";

import { revokeKey } from "../../src/keys/revoke.ts";
import { ADA, claimsOf, CLIENT_ID, AUDIENCE, stage, type Stage } from "../support/stage.ts";

let s: Stage;
beforeAll(async () => {
  s = await stage();
});
afterAll(async () => s.stop());

test("a key is exchanged for an access token of its user, and no longer once it is revoked", async () => {
  const { key, id } = await s.create(ADA, { scope: "read:things" });
  const granted = await s.exchange(key);
  expect(granted.status).toBe(200);
  expect(granted.body).toMatchObject({
    token_type: "Bearer",
    expires_in: 86_400,
    issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
  });
  expect(claimsOf(granted.body["access_token"])).toMatchObject({
    iss: s.local.description.issuer,
    sub: ADA,
    aud: AUDIENCE,
    azp: CLIENT_ID,
    scope: "read:things",
    act: { sub: `api-key|${id}` },
  });
  await revokeKey(s.keys, ADA, id, "leaked");
  const refused = await s.exchange(key);
  expect(refused.status).toBe(400);
  expect(refused.body["error"]).toBe("invalid_request");
  expect(refused.body["error_description"]).toMatch(/^This API key was revoked at \d{4}-/);
});
