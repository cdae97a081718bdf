import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { ADA, environmentOf, stage, type Stage } from "../support/stage.ts";

let s: Stage;
beforeAll(async () => {
  s = await stage();
});
afterAll(async () => s.stop());

test("a program whose request failed has ended when it says so: nothing keeps it waiting", async () => {
  const env = {
    PATH: process.env["PATH"],
    ...environmentOf(s),
    // Nobody listens there: the token is given, and the request behind it is refused.
    AUTH0_MANAGEMENT_API: "http://127.0.0.1:9/api/v2",
  };
  const argv = ["--import", "tsx", "scripts/keys.ts", "list", "--user", ADA, "--json"];
  // Ended by force it has no exit code.
  const failed = await promisify(execFile)(process.execPath, argv, { env, timeout: 60_000 }).catch(
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({ code: 1, killed: false });
  expect((failed as { readonly stderr: string }).stderr).toContain("management_unavailable");
});
