import { expect, test } from "vitest";

import { bundleAction } from "../../src/deploy/bundle.ts";
import { PREVIOUS_CONFIG, previousActions, runPreviousKeys } from "../support/previous-release.ts";
import { ADA, DEPLOYMENT, environmentOf, stage } from "../support/stage.ts";

test.each([
  [true, 200],
  [false, 403],
])(
  "the previous release's exchange beside the present post-login that takes over %s: %i",
  async (takesOver, status) => {
    const dependencies: never[] = [];
    const { code } = await bundleAction("post-login", { ...DEPLOYMENT, takesOver });
    const actions = previousActions().filter(({ trigger }) => trigger !== "post-login");
    const s = await stage({ actions: [...actions, { trigger: "post-login", code, dependencies }] });
    try {
      // The present code has marked the database: the previous release is to do that itself.
      await s.local.redis.execute(["FLUSHALL"]);
      const keys = async (...argv: string[]) =>
        runPreviousKeys([...argv, "--json"], environmentOf(s), undefined, PREVIOUS_CONFIG);
      await keys("init");
      const { out } = await keys("create", "--user", ADA, "--name", "laptop", "--scope", "read:things");
      const { key } = JSON.parse(out) as { key: string };
      expect((await s.exchange(key)).status).toBe(status);
    } finally {
      await s.stop();
    }
  },
);
