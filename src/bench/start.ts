import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { buildProgram } from "../cli/build-package.ts";
import type { BenchTenant } from "./bench-tenant.ts";
import { median } from "./load.ts";

/** What a call of `auth0-api-keys token` takes whose token is cached, beside `node -e 0`. */
export interface StartTimes {
  readonly starts: number;
  readonly token_p50_ms: number;
  readonly node_p50_ms: number;
  /** The median of each start as a part of the empty one beside it. */
  readonly ratio: number;
}

const run = promisify(execFile);

/** Starts both so many times, in turn, each as a process of its own. */
export async function benchStart({ local, key }: BenchTenant, starts: number): Promise<StartTimes> {
  const folder = join(tmpdir(), `bench-${randomUUID()}`);
  const program = join(folder, "auth0-api-keys.cjs");
  await buildProgram(program);
  const { issuer, client_id, subject_token_type, audience } = local.description;
  const env = {
    PATH: process.env["PATH"],
    XDG_CACHE_HOME: folder,
    API_KEY: key.reveal(),
    AUTH0_DOMAIN: issuer,
    API_KEY_CLIENT_ID: client_id,
    API_KEY_SUBJECT_TOKEN_TYPE: subject_token_type,
    API_KEY_AUDIENCE: audience,
  };
  const timeMs = async (argv: readonly string[]): Promise<number> => {
    const startedMs = performance.now();
    await run(process.execPath, argv, { env });
    return performance.now() - startedMs;
  };
  try {
    // The first call exchanges, and fills the cache.
    await timeMs([program, "token"]);
    const pairs: { readonly tokenMs: number; readonly nodeMs: number }[] = [];
    for (let at = 0; at < starts; at++)
      pairs.push({ tokenMs: await timeMs([program, "token"]), nodeMs: await timeMs(["-e", "0"]) });
    return {
      starts,
      token_p50_ms: Math.round(median(pairs.map(({ tokenMs }) => tokenMs))),
      node_p50_ms: Math.round(median(pairs.map(({ nodeMs }) => nodeMs))),
      ratio: Math.round(median(pairs.map(({ tokenMs, nodeMs }) => tokenMs / nodeMs)) * 100) / 100,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
