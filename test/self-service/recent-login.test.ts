import { expect, test } from "vitest";

import { requireRecentLogin, type Caller } from "../../src/self-service/authenticate.ts";

const NOW = 1_800_000_000;
const callerOf = (loggedInAtSeconds: number | undefined): Caller => ({
  personId: "auth0|ada",
  userId: "auth0|ada",
  organizationId: null,
  scopes: new Set(),
  permissions: new Set(),
  loggedInAtSeconds,
});

test.each([
  ["a minute in the future, by a clock that is ahead", -60, true],
  ["more than a minute in the future", -61, false],
  ["now", 0, true],
  ["as long ago as is allowed, and a minute of clocks", 360, true],
  ["longer ago than that", 361, false],
])("a login %s: %i seconds ago of at most 300", (_, agoSeconds, isRecent) => {
  const check = () => requireRecentLogin(callerOf(NOW - agoSeconds), 300, NOW);
  if (isRecent) expect(check).not.toThrow();
  else expect(check).toThrow(expect.objectContaining({ code: "recent_login_required" }));
});

test("a token that does not tell when its user logged in is of no recent login", () => {
  expect(() => requireRecentLogin(callerOf(undefined), 300, NOW)).toThrow(
    expect.objectContaining({ code: "recent_login_required" }),
  );
});
