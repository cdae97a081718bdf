import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // The SDKs take a second to load: once a worker, not once a file. Every file leaves clocks and fetch as they were.
    isolate: false,
    // Most tests wait for sockets and processes: two files at a time keep two cores busy.
    maxWorkers: 2,
    // Real sockets and child processes: the bound is for a hung machine, no test relies on it.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    coverage: { include: ["src/**", "actions/**"] },
  },
});
