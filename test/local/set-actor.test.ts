import { expect, it, test } from "vitest";

import { customTokenExchangeApi } from "../../src/local/actions/custom-token-exchange-api.ts";

function setActor(actor: unknown): unknown {
  const { api, commands } = customTokenExchangeApi();
  (api as { authentication: { setActor(actor: unknown): void } }).authentication.setActor(actor);
  return commands.actor;
}
const nested = (levels: number): object => ({ sub: "a", ...(levels > 1 && { act: nested(levels - 1) }) });
const properties = (many: number) =>
  Object.fromEntries(Array.from({ length: many }, (_, at) => [`property${at}`, at]));

test.each<[string, object]>([
  ["a subject alone", { sub: "a" }],
  ["a subject of 512 characters", { sub: "a".repeat(512) }],
  ["five properties, beside type and act", { sub: "a", type: {}, act: { sub: "b" }, ...properties(5) }],
  ["strings, numbers and booleans", { sub: "a", s: "x".repeat(64), n: 1, b: false }],
  ["a name of 64 characters", { sub: "a", ["n".repeat(64)]: 1 }],
  ["five levels", nested(5)],
])("an actor may have %s", (_, actor) => {
  expect(setActor(actor)).toEqual(actor);
});

const PLAIN = "The actor must be a plain object.";
const PLAIN_ACT = "The act claim must be a plain object.";
const KINDS = "Custom property in an actor object must be a string, number, or boolean.";

it.each<[string, unknown, string]>([
  ["nothing", undefined, PLAIN],
  ["null", null, PLAIN],
  ["a text", "a", PLAIN],
  ["a list", [{ sub: "a" }], PLAIN],
  ["a date", new Date(0), PLAIN],
  ["no subject", {}, "The actor object must contain a sub claim."],
  ["an empty subject", { sub: "" }, "The actor object must contain a sub claim."],
  ["a subject that is no text", { sub: 7 }, "The actor object must contain a sub claim."],
  [
    "a subject of 513 characters",
    { sub: "a".repeat(513) },
    "Invalid setActor arguments: sub must NOT have more than 512 characters",
  ],
  [
    "six properties",
    { sub: "a", ...properties(6) },
    "No more than 5 custom properties are allowed in the actor object.",
  ],
  ["an object", { sub: "a", o: {} }, KINDS],
  ["null inside", { sub: "a", o: null }, KINDS],
  [
    "a name of 65 characters",
    { sub: "a", ["n".repeat(65)]: 1 },
    "Custom property key in an actor object must NOT have more than 64 characters.",
  ],
  [
    "a text of 65 characters",
    { sub: "a", s: "x".repeat(65) },
    "Custom string property value in an actor object must NOT have more than 64 characters.",
  ],
  ["an act that is null", { sub: "a", act: null }, PLAIN_ACT],
  ["an act that is a text", { sub: "a", act: "b" }, PLAIN_ACT],
  ["an act without a subject", { sub: "a", act: {} }, "The actor object must contain a sub claim."],
  ["an act with an object", { sub: "a", act: { sub: "b", o: [] } }, KINDS],
  ["six levels", nested(6), "Actor nesting must not exceed 5 levels."],
])("refuses %s, in the words of Auth0's package", (_, actor, message) => {
  expect(() => setActor(actor)).toThrow(new Error(message));
});
