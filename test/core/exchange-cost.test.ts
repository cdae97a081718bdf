import { randomBytes } from "node:crypto";

import { expect, it } from "vitest";

import { ApiKey } from "../../src/core/api-key.ts";
import { decideExchange } from "../../src/core/decide-exchange.ts";
import { sealRecord, type KeyRecord } from "../../src/core/key-record.ts";
import { hashKey } from "../../src/core/peppers.ts";
import { sealStoreMarker } from "../../src/core/store-marker.ts";
import { countedPeppers } from "../support/counted-peppers.ts";
import { pepperOf } from "../support/stage.ts";

const NOW = 1_800_000_000;
const API = "https://api.acme.example";
const deployment = {
  tenant: "acme.eu.auth0.com",
  name: "api-keys",
  subjectTokenType: "urn:acme:api-key",
  keyPrefixes: ["acme_live"],
  apis: [{ identifier: API, scopes: [] }],
};
const { peppers, taken } = countedPeppers(pepperOf("one"));
const marker = sealStoreMarker(deployment, peppers);
const key = ApiKey.generate("acme_live", randomBytes);
const hash = hashKey(key.reveal(), peppers.current);
const otherHash = hashKey(ApiKey.generate("acme_live", randomBytes).reveal(), peppers.current);
const record = { id: key.id, sub: "auth0|ada", v: 1, iat: 1 };

/** What an exchange of the key comes to, and the HMACs that it takes once the store's marker is known. */
async function costOf(found: KeyRecord | undefined) {
  const answer = {
    kind: "answered",
    record: found ? sealRecord(found, peppers) : null,
    marker,
  } as const;
  const request = {
    subjectToken: key.reveal(),
    clientId: "cli",
    ip: "203.0.113.7",
    audience: API,
    organizationId: undefined,
    requestedScopes: [],
  };
  const decide = async () => decideExchange(request, deployment, peppers, async () => answer, NOW);
  await decide();
  Object.assign(taken, { seals: 0, hashes: 0 });
  const { cause } = await decide();
  return { cause, ...taken };
}

it.each<[string, KeyRecord | undefined, string]>([
  ["an unknown id", undefined, "unknown_key"],
  ["a wrong secret", { ...record, hash: otherHash }, "wrong_secret"],
  [
    "a wrong secret of a rotated key",
    { ...record, hash: otherHash, previous: { hash: otherHash, v: 1, exp: NOW + 1 } },
    "wrong_secret",
  ],
  [
    "a wrong secret of a rotated key whose previous pepper is gone",
    { ...record, hash: otherHash, previous: { hash, v: 7, exp: NOW + 1 } },
    "wrong_secret",
  ],
])("%s takes one seal and two hashes, as every guess does", async (_, found, cause) => {
  expect(await costOf(found)).toEqual({ cause, seals: 1, hashes: 2 });
});

it("a right key takes one seal and one hash", async () => {
  expect(await costOf({ ...record, hash })).toEqual({ cause: "granted", seals: 1, hashes: 1 });
});
