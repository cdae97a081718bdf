import { ManagementError } from "auth0";
import { describe, expect, test } from "vitest";

import { ApiKeysError } from "../../src/core/errors.ts";
import { managementApi } from "../../src/deploy/management-api.ts";
import { createManagementClient } from "../../src/stores/management-client.ts";
import { stoppedClock } from "../support/clock.ts";

const client = createManagementClient({
  managementAudience: "http://127.0.0.1:1/api/v2/",
  origin: "http://127.0.0.1:1",
  managementApi: "http://127.0.0.1:1/api/v2",
  clientId: "nobody",
  clientSecret: "nothing",
  timeoutMs: 1_000,
});
const answered = (statusCode: number) =>
  new ManagementError({ statusCode, body: { message: "As it is." }, message: "not for people" });

/** Asks with requests that fail, one after the other; gives the error, and how often it was asked and how long waited. */
async function asked(...failures: readonly unknown[]) {
  const clock = stoppedClock();
  const startedMs = clock.nowMs();
  const left = [...failures];
  let count = 0;
  const request = async () => {
    count++;
    if (left.length > 0) throw left.shift();
    return Promise.resolve("done");
  };
  const api = managementApi(client, clock);
  const outcome = await api.ask("do it", request).catch((error: unknown) => error);
  return { outcome, count, waitedMs: clock.nowMs() - startedMs };
}

describe("a request that fails is sent once, and ends with what can be done about it", () => {
  test.each<[string, unknown, string, string]>([
    ["400", answered(400), "management_refused", "Auth0 refused to do it. It said: As it is."],
    ["401", answered(401), "management_unauthorized", "Auth0 refused to do it. It said: As it is."],
    ["403", answered(403), "management_forbidden", "Auth0 refused to do it. It said: As it is."],
    ["404", answered(404), "management_refused", "Auth0 refused to do it. It said: As it is."],
    ["409", answered(409), "management_refused", "Auth0 refused to do it. It said: As it is."],
    // Whoever gave up waiting may have carried it out: no refusal, which had no effect.
    ["408", answered(408), "management_unavailable", "it may have been carried out"],
    ["500", answered(500), "management_unavailable", "it may have been carried out"],
    ["no answer", new TypeError("fetch failed"), "management_unavailable", "it may have been carried out"],
  ])("%s", async (_, failure, code, said) => {
    const { outcome, count, waitedMs } = await asked(failure);
    expect(outcome).toMatchObject({ code, message: expect.stringContaining(said) as string });
    expect([count, waitedMs]).toEqual([1, 0]);
  });

  test("an error of our own is passed on", async () => {
    const error = new ApiKeysError("client_missing", "There is none.", "Make one.");
    expect((await asked(error)).outcome).toBe(error);
  });
});

test("a request that the rate limit refused is sent again, after 1, 2, 4 seconds and so on, six times at most", async () => {
  const [few, many] = [
    Array.from({ length: 3 }, () => answered(429)),
    Array.from({ length: 7 }, () => answered(429)),
  ];
  expect(await asked(...few)).toEqual({ outcome: "done", count: 4, waitedMs: 7_000 });
  expect(await asked(...many)).toMatchObject({
    outcome: { code: "management_rate_limited" },
    count: 6,
    waitedMs: 31_000,
  });
});

test("what is looked for and not there is none, and any other failure is one", async () => {
  const api = managementApi(client, stoppedClock());
  expect(await api.find("look", async () => Promise.reject(answered(404)))).toBeUndefined();
  await expect(api.find("look", async () => Promise.reject(answered(403)))).rejects.toMatchObject({
    code: "management_forbidden",
  });
});
