import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { keyEntriesOf } from "../support/entries.ts";
import { newUser } from "../../src/local/management/users.ts";
import { environmentOf, stage, type Stage } from "../support/stage.ts";

const USERS = 2_500;
const KEYS_A_USER = 20;
const EXCHANGES_AT_ONCE = 16;

const foreign = (user: number, key: number) =>
  createHash("sha256").update(`user ${user} key ${key}`).digest("base64url");

/** Runs an import in a process of its own, and kills it once it has reported on so many lines. */
async function importUntil(
  s: Stage,
  file: string,
  lines: number,
): Promise<{ readonly reported: number; readonly code: number | null }> {
  const argv = [
    "scripts/keys.ts",
    "import",
    file,
    "--write",
    "--json",
    "--config",
    "test/support/foreign.config.ts",
  ];
  const child = spawn(process.execPath, ["--import", "tsx", ...argv, "--audit-log", `${file}.audit`], {
    env: { ...process.env, ...environmentOf(s) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  let reported = 0;
  for await (const chunk of child.stdout) {
    reported += String(chunk).split("\n").length - 1;
    if (reported >= lines) child.kill("SIGKILL");
  }
  const [code] = (await exited) as [number | null];
  return { reported, code };
}

test(
  "50,000 foreign keys, the import killed twice: complete, none twice, and each exchanges as its user",
  { timeout: 400_000 },
  async (context) => {
    const s = await stage({ redis: "server", config: { policy: { acceptForeignKeys: true } } });
    const folder = await mkdtemp(join(tmpdir(), "import-"));
    context.onTestFinished(async () => {
      await s.stop();
      await rm(folder, { recursive: true });
    });
    const { tenant } = s.local;
    const file = join(folder, "keys.ndjson");
    const lines: string[] = [];
    for (let user = 0; user < USERS; user++) {
      const user_id = `auth0|shop${user}`;
      tenant.users.set(user_id, newUser(tenant, user_id, { email: `shop${user}@acme.example` }));
      for (let key = 0; key < KEYS_A_USER; key++) {
        lines.push(JSON.stringify({ user_id, name: `shop key ${key}`, key: foreign(user, key) }));
      }
    }
    await writeFile(file, lines.join("\n"));

    for (const until of [lines.length / 5, lines.length / 2]) {
      const { reported, code } = await importUntil(s, file, until);
      expect([code, reported < lines.length]).toEqual([null, true]);
    }
    expect(await importUntil(s, file, Infinity)).toEqual({ code: 0, reported: lines.length });

    const ids = new Set<string>();
    for (let user = 0; user < USERS; user++) {
      const entries = keyEntriesOf(tenant.users.get(`auth0|shop${user}`)?.["app_metadata"]);
      expect(entries).toHaveLength(KEYS_A_USER);
      for (const { id } of entries) ids.add(id);
    }
    expect(ids.size).toBe(lines.length);
    // Beside the records, the store's marker.
    expect(await s.local.redis.execute(["DBSIZE"])).toBe(lines.length + 1);

    let wrong = 0;
    let next = 0;
    const exchange = async () => {
      for (let at = next++; at < lines.length; at = next++) {
        const user = Math.floor(at / KEYS_A_USER);
        const { body } = await s.exchange(foreign(user, at % KEYS_A_USER));
        const [, payload = ""] = String(body["access_token"]).split(".");
        const claims =
          payload === "" ? {} : (JSON.parse(Buffer.from(payload, "base64url").toString()) as object);
        if (!("sub" in claims) || claims.sub !== `auth0|shop${user}`) wrong++;
      }
    };
    await Promise.all(Array.from({ length: EXCHANGES_AT_ONCE }, exchange));
    expect(wrong).toBe(0);
  },
);
