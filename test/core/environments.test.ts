import { expect, it, test } from "vitest";

import { configOf } from "../../src/core/environments.ts";

const single = { keyPrefix: "acme" };
const several = {
  environments: { staging: { keyPrefix: "acme_test" }, production: { keyPrefix: "acme_live" } },
};

test.each([undefined, ""])(
  "without environments the one configuration is meant, where %j is named",
  (name) => {
    expect(configOf(single, name)).toBe(single);
  },
);

it.each(["staging", "production"] as const)("with environments %s is the one of that name", (name) => {
  expect(configOf(several, name)).toBe(several.environments[name]);
});

it("an environment may be named like a member of every object, if it is there", () => {
  const constructor = { keyPrefix: "acme_c" };
  expect(configOf({ environments: { constructor } }, "constructor")).toBe(constructor);
});

it.each<[string, object, string | undefined, string, string]>([
  ["without environments, a name", single, "staging", 'no environments, and "staging"', "Leave --env"],
  ["without environments, another name", single, "constructor", '"constructor" was asked for', "Leave --env"],
  ["none", several, undefined, "No environment was named", "--env with one of: staging, production"],
  ["an empty name", several, "", "No environment was named", "--env with one of: staging, production"],
  ["a mistyped name", several, "prodution", 'no environment "prodution"', "Did you mean --env production?"],
  ["a name in capitals", several, "STAGING", 'no environment "STAGING"', "Did you mean --env staging?"],
  ["half of a name", several, "stag", 'no environment "stag"', "It has: staging, production"],
  ["a name that is like none", several, "qa-7", 'no environment "qa-7"', "It has: staging, production"],
  ["a name with a blank", several, "staging ", 'no environment "staging "', "Did you mean --env staging?"],
  ["what every object has", several, "constructor", 'no environment "constructor"', "It has: "],
  ["another such", several, "toString", 'no environment "toString"', "staging"],
  ["the prototype", several, "__proto__", 'no environment "__proto__"', "It has: staging, production"],
  ["any in none", { environments: {} }, "staging", 'no environment "staging"', "It has: "],
])("%s is refused, saying what there is", (_, defined, name, message, fix) => {
  expect(() => configOf(defined, name)).toThrow(
    expect.objectContaining({
      code: "configuration_invalid",
      message: expect.stringContaining(message),
      fix: expect.stringContaining(fix),
    }),
  );
});
