import { afterAll, beforeAll, expect, it } from "vitest";

import { authorizationOf, SELF_SERVICE } from "../support/log-in.ts";
import { stage, type Stage } from "../support/stage.ts";

const NOW = "Fri, 15 Jan 2027 08:00:00 GMT";

let s: Stage;
let issuer: string;
let page: string;
beforeAll(async () => {
  s = await stage({ selfService: SELF_SERVICE, nowMs: () => Date.parse(NOW) });
  ({ issuer } = s.local.description);
  page = new URL(authorizationOf(s).redirectUri).origin;
});
afterAll(async () => s.stop());

const token = (body: object) => ({ method: "POST", body: new URLSearchParams({ ...body }) });

it.each<[string, number, string, () => RequestInit]>([
  ["keys", 200, ".well-known/jwks.json", () => ({})],
  [
    "a token",
    200,
    "oauth/token",
    () =>
      token({
        grant_type: "client_credentials",
        client_id: s.local.description.management_client_id,
        client_secret: s.local.description.management_client_secret,
        audience: `${issuer}api/v2/`,
      }),
  ],
  ["a refusal", 400, "oauth/token", () => token({})],
  ["another method", 405, "oauth/token", () => ({})],
  ["nobody's claims", 401, "userinfo", () => ({})],
])(
  "%s has the tenant's date and varies by origin, for a page and for others",
  async (_, status, path, init) => {
    const { headers: own, ...rest } = init();
    for (const [origin, allowed] of [
      [undefined, null],
      [page, page],
      ["https://evil.example", null],
    ] as const) {
      const headers = { ...own, ...(origin !== undefined && { origin }) };
      const response = await fetch(issuer + path, { ...rest, headers });
      const { headers: got } = response;
      expect([
        response.status,
        got.get("date"),
        got.get("vary"),
        got.get("access-control-allow-origin"),
      ]).toEqual([status, NOW, "Origin", allowed]);
      expect(await response.json()).toBeTypeOf("object");
    }
  },
);

it.each([
  ["what is not there", "nothing", 404],
  ["the Management API's refusal", "api/v2/users", 401],
  ["a page", "authorize", 403],
])("%s has the tenant's date", async (_, path, status) => {
  const response = await fetch(issuer + path);
  expect([response.status, response.headers.get("date")]).toEqual([status, NOW]);
});

it("a preflight is answered without an origin too", async () => {
  const response = await fetch(`${issuer}oauth/token`, { method: "OPTIONS" });
  expect([response.status, response.headers.get("vary"), response.headers.get("date")]).toEqual([
    204,
    "Origin",
    NOW,
  ]);
});
