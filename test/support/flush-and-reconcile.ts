import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { fillTenant, type FilledKey } from "./fill-tenant.ts";
import { pepperOf, stage, type Stage } from "./stage.ts";

const run = promisify(execFile);

/** What rebuilding a lost Redis took. */
export interface Rebuilt {
  readonly users: number;
  readonly entries: number;
  readonly records: number;
  readonly mended: number;
  readonly marked: boolean;
  readonly seconds: number;
  /** Peak resident memory of the reconciling process, MiB. */
  readonly peakMegabytes: number;
  /** Requests to Auth0 for single users: all others are those of one export. */
  readonly usersReadById: number;
}

/** Fills a tenant over a real `redis-server`, flushes it, rebuilds it from another process, and lets `check` look. */
export async function flushAndReconcile(
  userCount: number,
  check: (s: Stage, sample: readonly FilledKey[]) => Promise<void>,
): Promise<Rebuilt> {
  const s = await stage({ redis: "server" });
  try {
    const sample = fillTenant(s, userCount, Math.max(1, Math.floor(userCount / 50)));
    await s.local.redis.execute(["FLUSHALL"]);
    let usersReadById = 0;
    const { users } = s.local.tenant;
    const get = users.get.bind(users);
    users.get = (userId) => {
      usersReadById++;
      return get(userId);
    };
    const { settings } = s;
    const { stdout } = await run(process.execPath, ["--import", "tsx", "test/support/reconcile-once.ts"], {
      env: {
        ...process.env,
        AUTH0_DOMAIN: new URL(settings.origin).host,
        AUTH0_CLIENT_ID: settings.clientId,
        AUTH0_CLIENT_SECRET: settings.clientSecret,
        UPSTASH_REDIS_REST_URL: settings.redisUrl,
        UPSTASH_REDIS_REST_TOKEN: settings.redisToken,
        API_KEY_PEPPER: pepperOf("one"),
      },
    });
    users.get = get;
    await check(s, sample);
    return { ...(JSON.parse(stdout) as Omit<Rebuilt, "usersReadById">), usersReadById };
  } finally {
    await s.stop();
  }
}
