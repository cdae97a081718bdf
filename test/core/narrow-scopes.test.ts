import { expect, test } from "vitest";

import { scopesToRemove } from "../../src/core/narrow-scopes.ts";

const apis = [{ identifier: "https://api.acme.example", scopes: ["read:things"] }];

test.each([undefined, "https://other.acme.example"])(
  "for the audience %s, which is not the deployment's, nothing can be narrowed",
  (audience) => {
    expect(scopesToRemove("read:things", audience, ["read:things"], { apis })).toBeUndefined();
  },
);
