import { describe, expect, it } from "vitest";

import {
  acceptedPrefixes,
  entriesFieldOf,
  isPrefixAccepted,
  isReservedAudience,
  prefixFor,
  tenantOf,
  type Api,
} from "../../src/core/deployment.ts";

it.each([
  ["api-keys", "api_keys"],
  ["billing", "api_keys_billing"],
  ["api-keys-2", "api_keys_api-keys-2"],
  ["api_keys", "api_keys_api_keys"],
  ["API-KEYS", "api_keys_API-KEYS"],
])("the entries of the deployment named %s are in %s", (name, field) => {
  expect(entriesFieldOf({ name })).toBe(field);
});

it.each([
  ["acme.eu.auth0.com", "acme.eu.auth0.com"],
  ["login.acme.example:8443", "login.acme.example:8443"],
  ["localhost", "localhost"],
  ["localhost:4000", "localhost"],
  ["127.0.0.1:51234", "localhost"],
  ["localhost.acme.example", "localhost.acme.example"],
  ["my-localhost:4000", "my-localhost:4000"],
  ["127.0.0.10", "127.0.0.10"],
  ["127x0.0.1", "127x0.0.1"],
  ["localhost:acme", "localhost:acme"],
])("the tenant at %s is %s", (host, tenant) => {
  expect(tenantOf(host)).toBe(tenant);
});

describe("prefixes", () => {
  const [A, B, C] = ["https://a.example", "https://b.example", "https://c.example"] as const;
  const apis: readonly Api[] = [
    { identifier: A, scopes: [], keyPrefix: "acme_a" },
    { identifier: B, scopes: [], keyPrefix: "acme_b" },
    { identifier: C, scopes: [] },
  ];
  const keyPrefixes = ["acme_live", "acme_old"];

  it.each<[string, readonly string[], readonly Api[], readonly string[]]>([
    ["the deployment's alone", keyPrefixes, [], ["acme_live", "acme_old"]],
    ["those of its APIs after them", keyPrefixes, apis, ["acme_live", "acme_old", "acme_a", "acme_b"]],
    ["each once", ["acme_live", "acme_b"], apis, ["acme_live", "acme_b", "acme_a"]],
    ["none", [], [], []],
  ])("that are accepted: %s", (_, prefixes, some, expected) => {
    expect(acceptedPrefixes({ keyPrefixes: prefixes, apis: some })).toEqual(expected);
  });

  it.each<[string | undefined, boolean]>([
    ["acme_live", true],
    ["acme_old", true],
    ["acme_b", true],
    ["acme", false],
    ["acme_live_", false],
    ["", false],
    [undefined, true],
  ])("%j is accepted, or was not noted: %s", (prefix, isAccepted) => {
    expect(isPrefixAccepted({ keyPrefixes, apis }, prefix)).toBe(isAccepted);
  });

  it.each<[string, readonly string[] | undefined, string]>([
    ["an API with its own", [A], "acme_a"],
    ["another API with its own", [B], "acme_b"],
    ["an API without its own", [C], "acme_live"],
    ["two APIs with their own", [A, B], "acme_live"],
    ["every API", undefined, "acme_live"],
    ["no API", [], "acme_live"],
    ["an API that is not the deployment's", ["https://a.example/"], "acme_live"],
  ])("of new keys for %s", (_, audiences, expected) => {
    expect(prefixFor({ keyPrefixes, apis }, audiences)).toBe(expected);
  });

  it("of new keys for every API are the deployment's, also where it has a single one", () => {
    expect(prefixFor({ keyPrefixes, apis: apis.slice(0, 1) }, undefined)).toBe("acme_live");
  });
});

it.each<[string, boolean]>([
  ["urn:acme.eu.auth0.com:session_transfer", true],
  ["URN:acme.eu.auth0.com:SESSION_TRANSFER", true],
  ["https://acme.eu.auth0.com/userinfo", true],
  ["https://acme.eu.auth0.com/api/v2/", true],
  ["https://ACME.eu.auth0.com/API/v2/", true],
  ["https://login.acme.example/api/v2/", true],
  ["https://acme.eu.auth0.com/me/", true],
  ["https://acme.eu.auth0.com/my-org/", true],
  ["urn:acme.eu.auth0.com:session_transfers", false],
  ["urn:acme.eu.auth0.com:session_transfer:read", false],
  ["urn:acme:no_session_transfer", false],
  ["https://api.acme.example/session_transfer", false],
  ["https://api.acme.example/userinfo/", false],
  ["https://api.acme.example/userinfos", false],
  ["https://api.acme.example/my-userinfo", false],
  ["userinfo", false],
  ["https://api.acme.example/api/v2", false],
  ["https://api.acme.example/api/v2/things", false],
  ["https://api.acme.example/api/v20/", false],
  ["https://api.acme.example/my-api/v2/", false],
  ["https://api.acme.example/me", false],
  ["https://api.acme.example/home/", false],
  ["https://api.acme.example/me/things", false],
  ["https://api.acme.example/my-org", false],
  ["https://api.acme.example/my-org/things", false],
  ["https://api.acme.example/my-organization/", false],
  ["https://api.acme.example", false],
  ["", false],
])("the audience %j is one of Auth0's own: %s", (audience, isReserved) => {
  expect(isReservedAudience(audience)).toBe(isReserved);
});
