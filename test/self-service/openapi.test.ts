import { readdirSync, readFileSync } from "node:fs";

import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";

import { OPENAPI } from "../../src/self-service/index.ts";
import { PROBLEMS } from "../../src/self-service/problems.ts";
import { arbitraryOf, wellFormed } from "../support/arbitrary-of.ts";
import { isValidBody, OPERATIONS } from "../support/openapi.ts";
import { selfServiceStage, type SelfServiceStage } from "../support/self-service.ts";
import { ADA } from "../support/stage.ts";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const BODIES: Readonly<Record<string, string>> = {
  "POST /api-keys": "CreateApiKey",
  "PATCH /api-keys/{id}": "UpdateApiKey",
  "POST /api-keys/{id}/rotate": "RotateApiKey",
};

let stage: SelfServiceStage;
let token: string;
let id: string;
beforeAll(async () => {
  stage = await selfServiceStage({ config: { policy: { maxKeysPerUser: 50, allowNoExpiry: true } } });
  token = await stage.tokenOf(ADA);
  ({ id } = await stage.s.create(ADA, { scope: "read:things" }));
});
afterAll(async () => stage.stop());

test.each(Object.entries(PROBLEMS))(
  "the problem %s has a page, with its status and title",
  (code, problem) => {
    const page = readFileSync(`docs/errors/${code}.md`, "utf8");
    expect(page.split("\n").slice(0, 3)).toEqual([
      `# \`${code}\`, status ${problem.status}`,
      "",
      problem.title,
    ]);
    expect(page).toMatch(/\*\*What it means\.\*\* .+\n\n\*\*What to do\.\*\* .+/);
  },
);

test("there is no page of a problem that does not exist", () => {
  expect(readdirSync("docs/errors").toSorted()).toEqual(
    Object.keys(PROBLEMS)
      .map((code) => `${code}.md`)
      .toSorted(),
  );
});

test("the document is served, to anybody", async () => {
  const { body } = await stage.call("GET", "/openapi.json");
  expect(body).toEqual(JSON.parse(JSON.stringify(OPENAPI)));
});

test("every path answers the methods that the document has, and refuses the others", async () => {
  for (const path of Object.keys(OPENAPI.paths)) {
    for (const method of METHODS) {
      const answer = await stage.call(method, path.replace("{id}", "zzzzzzzzzzzz"), { token });
      const isDocumented = OPERATIONS.includes(`${method} ${path}`);
      // Under /organization, whoever does not manage its keys is not told what there is.
      const refused = path.startsWith("/organization/") ? 403 : 405;
      const isOpen = isDocumented && refused === 405;
      expect([method, path, answer.status === refused]).toEqual([method, path, !isOpen]);
    }
  }
});

test.each(["/", "/api-keys/", "/api-key", "/api-keys/x/y", "/scopes/x", "/openapi.yaml", "//api-keys"])(
  "there is nothing at %s",
  async (path) => {
    const answer = await stage.call("GET", path, { token });
    expect([answer.status, answer.body["code"]]).toEqual([404, "not_found"]);
  },
);

test.each(Object.entries(BODIES))(
  "%s takes the bodies that the document allows, refuses all others, and never breaks",
  async (route, schema) => {
    const [method = "", template = ""] = route.split(" ");
    const path = template.replace("{id}", id);
    const valid = arbitraryOf(OPENAPI.components.schemas[schema as "CreateApiKey"]);
    const bodies = fc.oneof(
      { weight: 3, arbitrary: valid },
      // One field of a valid body, replaced by anything.
      {
        weight: 3,
        arbitrary: fc
          .tuple(valid, fc.constantFrom("name", "scopes", "expires_in_days", "disabled", "x"), fc.jsonValue())
          .map(([body, field, value]) => ({ ...(body as object), [field]: value })),
      },
      { weight: 1, arbitrary: fc.jsonValue() },
    );
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const answer = await stage.call(method, path, { token, body: JSON.stringify(body) });
        const isOfForm = isValidBody(method, template, JSON.parse(JSON.stringify(body)));
        expect(answer.status).toBeLessThan(500);
        expect(answer.status === 400, `${answer.status} for ${JSON.stringify(body)}`).toBe(!isOfForm);
      }),
      { numRuns: 60 },
    );
    await stage.stores.keys.users.write(
      ADA,
      (await stage.stores.keys.users.read(ADA)).entries.filter((one) => (one as { id: string }).id === id),
    );
  },
  60_000,
);

test("whatever else is sent, no answer is a 5xx, and each is as documented", async () => {
  const text = fc.string({ unit: "binary", maxLength: 40 });
  const header = fc.string({
    unit: fc.constantFrom(..."abcXYZ019 \t!\"#%&'()*+,-./:;<=>?@[]^_`{|}~"),
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...METHODS, "HEAD"),
      fc.oneof(
        fc.constantFrom(...OPERATIONS.map((one) => (one.split(" ")[1] ?? "").replace("{id}", id))),
        text.map((part) => `/api-keys/${encodeURIComponent(wellFormed(part))}`),
        fc.webPath().map((path) => `/${path}`),
      ),
      fc.oneof(fc.constant(`Bearer ${token}`), header),
      header,
      fc.oneof(fc.constant("application/json"), header),
      fc.oneof(text, fc.json(), fc.constant("")),
      async (method, path, authorization, idempotencyKey, contentType, body) => {
        const hasBody = method !== "GET" && method !== "HEAD" && body !== "";
        const answer = await stage.call(method === "HEAD" ? "GET" : method, path, {
          ...(hasBody && { body: wellFormed(body) }),
          headers: { authorization, "idempotency-key": idempotencyKey, "content-type": contentType },
        });
        expect(answer.status).toBeLessThan(500);
      },
    ),
    { numRuns: 150 },
  );
  expect(stage.errors).toEqual([]);
}, 60_000);
