import { gzipSync } from "node:zlib";

import { afterAll, afterEach, beforeAll, expect, it, test } from "vitest";

import type { ApiKeysError } from "../../src/core/errors.ts";
import { createManagementClient } from "../../src/stores/management-client.ts";
import { exportUsers } from "../../src/stores/user-export.ts";
import { stage, type Stage } from "../support/stage.ts";

const original = globalThis.fetch;
let s: Stage;
beforeAll(async () => {
  s = await stage();
});
afterEach(() => {
  globalThis.fetch = original;
});
afterAll(async () => s.stop());

const LINES = ["auth0|one", "auth0|two"].map((user_id) => `${JSON.stringify({ user_id })}\n`).join("");

/** Exports, with another file in place of that of the job. */
async function exported(file: () => Promise<Response>, stalledAfterMs?: number): Promise<readonly string[]> {
  // The link to the file is good by itself: nothing else is asked for without options.
  globalThis.fetch = async (input, init) => (init === undefined ? file() : original(input, init));
  const client = createManagementClient({ ...s.settings, timeoutMs: 2_000 });
  const users = exportUsers(client, "api_keys", async () => Promise.resolve(), stalledAfterMs);
  const ids: string[] = [];
  for await (const { userId } of users()) ids.push(userId);
  return ids;
}

test("the users of the file, in their order", async () => {
  expect(await exported(async () => Promise.resolve(new Response(gzipSync(LINES))))).toEqual([
    "auth0|one",
    "auth0|two",
  ]);
});

test.each([
  [404, "management_refused"],
  [403, "management_forbidden"],
])("a job that is answered with %i is named, and what it needs", async (status, code) => {
  globalThis.fetch = async (input, init) => {
    const isJob = new Request(input, { ...init, signal: null }).url.includes("/jobs/job");
    return isJob ? Response.json({ statusCode: status }, { status }) : original(input, init);
  };
  const client = createManagementClient({ ...s.settings, timeoutMs: 2_000 });
  const users = exportUsers(client, "api_keys", async () => Promise.resolve())();
  const error = await users[Symbol.asyncIterator]()
    .next()
    .catch((one: unknown) => one as ApiKeysError);
  expect(error).toMatchObject({
    code,
    message: expect.stringMatching(/the job job_\w+, an export of all users/),
    fix: expect.stringMatching(status === 403 ? /read:users/ : /logs/),
  });
});

const never = async () => new Promise<Response>(() => undefined);
const stalling = async () =>
  Promise.resolve(
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(gzipSync(LINES).subarray(0, 20));
        },
      }),
    ),
  );
const cut = async () => Promise.resolve(new Response(gzipSync(LINES).subarray(0, 20)));

it.each([
  ["that never answers", never],
  ["that stops in the middle, and does not end", stalling],
  ["that ends too early", cut],
])("a download %s fails", { timeout: 5_000 }, async (_, file) => {
  await expect(exported(file, 20)).rejects.toMatchObject({ code: "export_failed" });
});
