import { describe, expect, test } from "vitest";

import { refuseUnreadable, storeFindings } from "../../src/deploy/store-checks.ts";
import type { StoreFacts } from "../../src/stores/examine-store.ts";

const OURS = { tenant: "acme.eu.auth0.com", name: "api-keys" };
const CLAIM = "deployment api-keys of acme.eu.auth0.com";
/** A database as it should be: the Action reads, keys are made with a token that writes, the marker is ours. */
const SOUND: StoreFacts = {
  standard: "reached",
  standardWrites: "reached",
  action: "reached",
  actionWrites: "not_permitted",
  isSame: true,
  marker: "ours",
  claim: CLAIM,
  eviction: "off",
};
const refusal = (facts: Partial<StoreFacts>, lastUsed = false) => {
  try {
    refuseUnreadable({ ...SOUND, ...facts }, OURS, lastUsed);
    return undefined;
  } catch (error) {
    return error;
  }
};

describe("a database is refused", () => {
  test.each<[string, Partial<StoreFacts>, string, string]>([
    [
      "whose token is not accepted",
      { standard: "wrong_token", standardWrites: "wrong_token" },
      "store_unreadable",
      "The token that keys are made with is not accepted",
    ],
    [
      "that does not accept the Action's token",
      { action: "wrong_token", actionWrites: "wrong_token" },
      "store_unreadable",
      "The token that the Action gets is not accepted",
    ],
    [
      "that does not let the Action read keys",
      { action: "not_permitted" },
      "store_unreadable",
      "The token that the Action gets may not read keys",
    ],
    [
      "that lets keys be made and not be read",
      { standard: "not_permitted" },
      "store_unreadable",
      "The token that keys are made with may not read keys",
    ],
    [
      "that does not answer",
      {
        standard: "unreachable",
        standardWrites: "unreachable",
        action: "unreachable",
        actionWrites: "unreachable",
      },
      "store_unreadable",
      "The Redis database does not answer.",
    ],
    [
      "that the Action's token does not belong to",
      { isSame: false },
      "store_unreadable",
      "The Action's token does not see the store's marker as it is",
    ],
    [
      "that keys cannot be written to",
      { standardWrites: "not_permitted" },
      "store_unreadable",
      "The token that keys are made with cannot write.",
    ],
    [
      "of another deployment",
      { marker: "foreign", claim: "deployment billing of acme.eu.auth0.com" },
      "store_foreign",
      "marked as that of deployment billing of acme.eu.auth0.com, and this is deployment api-keys of",
    ],
    [
      "of this deployment with another pepper",
      { marker: "foreign" },
      "store_foreign",
      "was marked with a pepper that is not held here",
    ],
  ])("%s", (_, facts, code, said) => {
    expect(refusal(facts)).toMatchObject({ code, message: expect.stringContaining(said) as string });
  });
});

describe("a database is taken", () => {
  test.each<[string, Partial<StoreFacts>, boolean, string | undefined]>([
    ["that is as it should be", {}, false, undefined],
    ["that is new", { marker: "missing", claim: undefined }, false, undefined],
    ["where the Action notes last uses", { actionWrites: "reached" }, true, undefined],
    ["where the Action could write, with a warning", { actionWrites: "reached" }, false, "can write"],
    ["where the Action cannot note last uses, with a warning", {}, true, "cannot write"],
  ])("%s", (_, facts, lastUsed, warning) => {
    expect(refusal(facts, lastUsed)).toBeUndefined();
    const found = storeFindings({ ...SOUND, ...facts }, OURS, lastUsed);
    expect(found.map(({ level, what }) => [level, what])).toEqual(
      warning === undefined ? [] : [["warning", expect.stringContaining(warning)]],
    );
  });
});
