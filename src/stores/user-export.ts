import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";

import type { ManagementClient } from "auth0";

import { ApiKeysError } from "../core/errors.ts";
import { isObject } from "../core/key-entry.ts";
import { linesOf } from "./lines.ts";
import { ask, type Asked } from "./ask.ts";
import { profileOf, type UserProfile } from "./user-key-store.ts";

/** A user as an export has it: as it was at some moment after the export was asked for. */
export interface ExportedUser extends UserProfile {
  readonly userId: string;
}

/** Every user of the tenant, in a number of requests that does not depend on theirs. */
export type ExportUsers = () => AsyncIterable<ExportedUser>;

const FIRST_LOOK_MS = 20;
const LAST_LOOK_MS = 5_000;
/** How long a download may say nothing. */
const STALLED_AFTER_MS = 30_000;
const GIVE_UP_AFTER_MS = 3_600_000;
const FIELDS = ["user_id", "app_metadata", "identities", "created_at"].map((name) => ({ name }));

/**
 * Users through Auth0's export job: user search ends at 1,000. The gzipped lines are read as they come, so that memory
 * does not grow with the tenant. Needs `read:users`. Throws `export_failed`, also for a file that ends too early, or
 * what the Management API answered.
 */
export function exportUsers(
  client: ManagementClient,
  field: string,
  sleep: (ms: number) => Promise<void>,
  stalledAfterMs = STALLED_AFTER_MS,
): ExportUsers {
  return async function* () {
    const asked = { about: "an export of all users", permission: "read:users" };
    const job = await ask(asked, () => client.jobs.usersExports.create({ format: "json", fields: FIELDS }));
    const location = await completed(client, job.id ?? "", sleep);
    try {
      for await (const line of downloaded(location, stalledAfterMs))
        if (line !== "") yield read(JSON.parse(line), field);
    } catch (error) {
      if (error instanceof ApiKeysError) throw error;
      throw failed("could not be read to its end", error);
    }
  };
}

/** Waits for the job; gives the link to its file, which is good for 60 seconds. */
async function completed(
  client: ManagementClient,
  jobId: string,
  sleep: (ms: number) => Promise<void>,
): Promise<string> {
  const asked: Asked = { about: `the job ${jobId}, an export of all users`, permission: "read:users" };
  let waitedMs = 0;
  for (let pauseMs = FIRST_LOOK_MS; waitedMs < GIVE_UP_AFTER_MS;) {
    await sleep(pauseMs);
    waitedMs += pauseMs;
    pauseMs = Math.min(pauseMs * 2, LAST_LOOK_MS);
    const { status, location } = await ask(asked, () => client.jobs.get(jobId));
    if (status === "failed") throw failed("ended as failed");
    if (status === "completed" && location !== undefined) return location;
  }
  throw failed("was not complete after an hour");
}

async function* downloaded(location: string, stalledAfterMs: number): AsyncIterable<string> {
  const response = await within(stalledAfterMs, fetch(location));
  if (!response.ok || !response.body) throw failed(`could not be downloaded: status ${response.status}`);
  const gunzip = createGunzip().setEncoding("utf8");
  const source = Readable.from(piecesOf(response.body, stalledAfterMs));
  // A broken download has to end the reading of its lines as well.
  source.on("error", (error) => gunzip.destroy(error));
  try {
    yield* linesOf(source.pipe(gunzip));
  } finally {
    source.destroy();
  }
}

/** The pieces of a body. Only what is waited for has to come in time: who mends as it reads may take long. */
async function* piecesOf(
  body: NonNullable<Response["body"]>,
  stalledAfterMs: number,
): AsyncIterable<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await within(stalledAfterMs, reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("nothing came in time")), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function read(user: unknown, field: string): ExportedUser {
  if (!isObject(user) || typeof user["user_id"] !== "string") throw failed("has a line that is no user");
  const { user_id: userId } = user;
  // A profile that is no object, or a field that is no list, has no entries: it is said where that user is looked at.
  const profile = profileOf(user, field) ?? profileOf({ ...user, app_metadata: {} }, field);
  if (!profile) throw failed("has a line that is no user");
  return { userId, ...profile };
}

function failed(how: string, cause?: unknown): ApiKeysError {
  return new ApiKeysError(
    "export_failed",
    `Auth0's export of the users ${how}.`,
    "Run the same command again. What was mended stays mended.",
    cause,
  );
}
