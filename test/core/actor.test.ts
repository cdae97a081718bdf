import fc from "fast-check";
import { expect, it, test } from "vitest";

import { actorOf, keyIdOfActor } from "../../src/core/actor.ts";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID = "4fJ2kQ9xZb1T";
const ids = fc.string({ unit: fc.constantFrom(...DIGITS), minLength: 12, maxLength: 12 });
// Names as deploy.config.ts takes them, some close to each other, and some that it would never take.
const names = fc.oneof(
  fc.constantFrom("api-keys", "api-key", "api-keys-2", "api-keys-", "billing", "billing-2"),
  fc.stringMatching(/^[a-z][a-z0-9-]{2,39}$/),
  fc.constantFrom("", "|", ":", "api-keys|", `billing|${ID}`, "API-KEYS"),
);

test("an actor is api-key|ID for the deployment named api-keys, and api-key:NAME|ID for any other", () => {
  expect(actorOf({ name: "api-keys" }, ID)).toBe("api-key|4fJ2kQ9xZb1T");
  expect(actorOf({ name: "billing" }, ID)).toBe("api-key:billing|4fJ2kQ9xZb1T");
  fc.assert(
    fc.property(names, ids, (name, id) => {
      expect(actorOf({ name }, id)).toBe(name === "api-keys" ? `api-key|${id}` : `api-key:${name}|${id}`);
    }),
  );
});

test("a deployment reads its own actors, and never another's", () => {
  fc.assert(
    fc.property(names, names, ids, (name, other, id) => {
      const actor = actorOf({ name }, id);
      expect(keyIdOfActor({ name }, actor)).toBe(id);
      expect(keyIdOfActor({ name: other }, actor)).toBe(other === name ? id : undefined);
    }),
  );
});

it.each([
  undefined,
  "",
  ID,
  "auth0|ada",
  "api-key|",
  "api-key|4fJ2kQ9xZb1",
  "api-key|4fJ2kQ9xZb1Tx",
  "api-key|4fJ2kQ9xZb1-",
  "api-key|4fJ2kQ9xZb1T\n",
  "api-key||4fJ2kQ9xZb1T",
  " api-key|4fJ2kQ9xZb1T",
  "API-KEY|4fJ2kQ9xZb1T",
  "api-keys|4fJ2kQ9xZb1T",
  "api-key:4fJ2kQ9xZb1T",
  "api-key:|4fJ2kQ9xZb1T",
  "api-key:api-keys|4fJ2kQ9xZb1T",
  "api-key:billing-2|4fJ2kQ9xZb1T",
  "api-key:Billing|4fJ2kQ9xZb1T",
  "api-key:billing||4fJ2kQ9xZb1T",
  "api-key:billing:4fJ2kQ9xZb1T",
])("%j is no actor of the deployments api-keys and billing", (actor) => {
  for (const name of ["api-keys", "billing"]) expect(keyIdOfActor({ name }, actor)).toBeUndefined();
});
