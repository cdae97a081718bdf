import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { createGzip } from "node:zlib";

import { Hono } from "hono";
import * as v from "valibot";

import type { Tenant } from "../tenant.ts";
import type { User } from "../tenant-objects.ts";
import { requireScope, type ManagementVariables } from "./authorize.ts";
import { importUsers, type ImportFailure } from "./import-users.ts";
import { ManagementApiError } from "./management-error.ts";
import { readBody } from "./validation.ts";

const LINK_LIFETIME_MS = 60_000;
const MAX_IMPORT_BYTES = 500 * 1024;
const IMPORTS_AT_ONCE = 2;
/** An export holds the users of its moment: the oldest job and link is forgotten beyond this many. */
const KEPT_JOBS = 100;
/** A job is a state further each time somebody looks: time may stand still in a test. */
const STATES = ["pending", "processing", "completed"] as const;

interface Job {
  readonly id: string;
  readonly type: "users_export" | "users_import";
  readonly created_at: string;
  /** Index in {@link STATES}. */
  state: number;
  readonly properties: Readonly<Record<string, unknown>>;
  /** Done when the job completes; gives what the job then says on top. */
  readonly complete: () => Readonly<Record<string, unknown>>;
  completed?: Readonly<Record<string, unknown>>;
  /** The lines of an export. */
  readonly lines?: () => Iterable<string>;
  failures: readonly ImportFailure[];
}

const exportSchema = v.strictObject({
  connection_id: v.optional(v.string()),
  // CSV is not there: it cannot carry app_metadata whole.
  format: v.optional(v.literal("json"), "json"),
  limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  fields: v.optional(
    v.pipe(v.array(v.strictObject({ name: v.string(), export_as: v.optional(v.string()) })), v.maxLength(30)),
  ),
});

/** `/jobs`, and the download links that completed exports give, which need no token. */
export function jobsRoutes(tenant: Tenant): {
  readonly jobs: Hono<ManagementVariables>;
  readonly downloads: Hono<ManagementVariables>;
} {
  const all = new Map<string, Job>();
  const links = new Map<string, { readonly job: Job; readonly expiresAtMs: number }>();
  const add = (job: Omit<Job, "id" | "created_at" | "state" | "failures">): Job => {
    const created_at = new Date(tenant.nowMs()).toISOString();
    const added = { ...job, id: tenant.newId("job_"), created_at, state: 0, failures: [] };
    keep(all, added.id, added);
    return added;
  };
  const find = (id: string): Job => {
    const job = all.get(id);
    if (!job) throw new ManagementApiError(404, "The job does not exist.", "inexistent_job");
    return job;
  };

  /** The name of a connection; none without an id. */
  const nameOf = (id: string | undefined): string =>
    id === undefined ? "" : (tenant.connections.get(id)?.name ?? "");

  const jobs = new Hono<ManagementVariables>();
  jobs.post("/jobs/users-exports", requireScope("read:users"), async (c) => {
    const { fields, limit, format, connection_id } = await readBody(c, exportSchema);
    const connection = nameOf(connection_id);
    // Users are replaced, never changed: this is the tenant at this moment.
    const users = [...tenant.users.values()]
      .filter((user) => connection_id === undefined || isOf(user, connection))
      .slice(0, limit);
    const job = add({
      type: "users_export",
      properties: {
        connection,
        ...(connection_id !== undefined && { connection_id }),
        format,
        ...(fields && { fields }),
        ...(limit !== undefined && { limit }),
      },
      lines: () => linesOf(users, fields),
      complete: () => ({}),
    });
    return c.json(present(job));
  });

  jobs.post("/jobs/users-imports", requireScope("create:users"), async (c) => {
    if (Number(c.req.header("content-length") ?? 0) > MAX_IMPORT_BYTES) {
      throw new ManagementApiError(
        413,
        `Payload content length greater than maximum allowed: ${MAX_IMPORT_BYTES}`,
        "invalid_body",
      );
    }
    const running = [...all.values()].filter((job) => job.type === "users_import" && !job.completed);
    if (running.length >= IMPORTS_AT_ONCE) {
      throw new ManagementApiError(
        429,
        `There are ${running.length} active import users jobs, please wait until some of them are finished and try again`,
        "too_many_requests",
      );
    }
    const { users, connection_id, upsert } = await c.req.parseBody();
    const file: unknown = users instanceof File ? parse(await users.text()) : undefined;
    if (!Array.isArray(file) || typeof connection_id !== "string") {
      throw new ManagementApiError(
        400,
        "Payload validation error: 'users' and 'connection_id' are required.",
        "invalid_body",
      );
    }
    const job: Job = add({
      type: "users_import",
      properties: { connection: nameOf(connection_id), connection_id, upsert: upsert === "true" },
      complete() {
        const { summary, failures } = importUsers(tenant, file, upsert === "true");
        job.failures = failures;
        return { summary };
      },
    });
    return c.json(present(job), 202);
  });

  jobs.get("/jobs/:id", requireScope("read:users", "create:users"), (c) => {
    const job = find(c.req.param("id"));
    job.state = Math.min(job.state + 1, STATES.length - 1);
    if (STATES[job.state] !== "completed") return c.json(present(job));
    job.completed ??= job.complete();
    if (!job.lines) return c.json(present(job));
    const link = randomUUID();
    keep(links, link, { job, expiresAtMs: tenant.nowMs() + LINK_LIFETIME_MS });
    const location = `${tenant.issuer}api/v2/downloads/${link}/${job.id}.json.gz`;
    return c.json({ ...present(job), location });
  });

  jobs.get("/jobs/:id/errors", requireScope("read:users", "create:users"), (c) => {
    const { failures } = find(c.req.param("id"));
    return failures.length === 0 ? c.body(null, 204) : c.json(failures);
  });

  const downloads = new Hono<ManagementVariables>();
  downloads.get("/downloads/:link/:file", (c) => {
    const link = links.get(c.req.param("link"));
    if (!link?.job.lines || tenant.nowMs() >= link.expiresAtMs) return c.text("Request has expired", 403);
    const gzipped = Readable.from(link.job.lines()).pipe(createGzip());
    return c.body(Readable.toWeb(gzipped) as ReadableStream<Uint8Array<ArrayBuffer>>, 200, {
      "content-type": "application/gzip",
    });
  });
  return { jobs, downloads };
}

/** Adds to a map, which forgets what was added first beyond {@link KEPT_JOBS}. */
function keep<T>(map: Map<string, T>, name: string, value: T): void {
  map.set(name, value);
  for (const oldest of map.keys()) if (map.size > KEPT_JOBS) map.delete(oldest);
}

function isOf(user: User, connection: string): boolean {
  const identities = (user["identities"] ?? []) as readonly { readonly connection?: string }[];
  return identities.some((one) => one.connection === connection);
}

function present({ id, type, created_at, state, properties, completed }: Job): object {
  return { id, type, status: STATES[state], created_at, ...properties, ...completed };
}

function* linesOf(
  users: readonly User[],
  fields: readonly { readonly name: string; readonly export_as?: string | undefined }[] | undefined,
): Iterable<string> {
  for (const user of users) {
    const exported = fields
      ? Object.fromEntries(fields.map(({ name, export_as }) => [export_as ?? name, user[name]]))
      : user;
    yield `${JSON.stringify(exported)}\n`;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
