import { vi } from "vitest";

import type { TestClock } from "./fresh-keys.ts";

/**
 * The one clock of a test's whole world, the Actions included, which read `Date`: it stands still, and moves where
 * somebody waits. With two clocks, what one of them ended would not have ended yet for the other. Give the real one
 * back with `vi.useRealTimers()`.
 */
export function openWorldClock(): TestClock {
  vi.useFakeTimers({ toFake: ["Date"] });
  return {
    get nowMs() {
      return Date.now();
    },
    set nowMs(nowMs) {
      vi.setSystemTime(nowMs);
    },
  };
}
