import { entriesFieldOf } from "../../src/core/deployment.ts";
import { openBudget, openKeys } from "../../src/keys/open-keys.ts";
import type { Keys } from "../../src/keys/keys.ts";
import type { BudgetOptions } from "../../src/stores/management-budget.ts";
import { createRedis } from "../../src/stores/key-record-reader.ts";
import { createManagementClient } from "../../src/stores/management-client.ts";
import { exportUsers } from "../../src/stores/user-export.ts";
import { userLock } from "../../src/stores/user-lock.ts";
import type { Stage } from "./stage.ts";

/** A clock that only moves when somebody waits, or the test moves it. */
export interface TestClock {
  nowMs: number;
}

/** A fresh process, as it were: no access token kept, a lock of its own, and time that passes only where it waits. */
export function freshKeys(s: Stage, clock: TestClock, maxWaitMs?: BudgetOptions["maxWaitMs"]): Keys {
  const redis = createRedis({ url: s.settings.redisUrl, token: s.settings.redisToken, timeoutMs: 2_000 });
  const client = createManagementClient({ ...s.settings, timeoutMs: 2_000 });
  const sleep = async (ms: number): Promise<void> => {
    clock.nowMs += ms;
  };
  const lock = userLock(redis, {
    clock: { monotonicMs: () => clock.nowMs, wallMs: () => clock.nowMs, sleep },
    randomBytes: (size) => crypto.getRandomValues(new Uint8Array(size)),
    leaseMs: 30_000,
    waitMs: 35_000,
  });
  const budgetClock = { nowMs: () => clock.nowMs, sleep };
  return {
    ...openKeys(s.config, s.settings, {
      clock: budgetClock,
      ...(maxWaitMs && { budget: openBudget({ clock: budgetClock, maxWaitMs }) }),
    }),
    lock,
    sleep,
    exportUsers: exportUsers(client, entriesFieldOf(s.config), sleep),
    nowSeconds: () => Math.floor(clock.nowMs / 1_000),
  };
}
