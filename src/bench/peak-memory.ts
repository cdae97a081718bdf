import { existsSync, readFileSync } from "node:fs";

const STATUS = "/proc/self/status";

/**
 * How many MiB have been resident in this process at most. On Linux the `maxRSS` of a process begins with what its
 * parent had when it started it, which may be a tenant with a million keys: there the kernel is asked for its own.
 */
export function peakResidentMib(): number {
  const own = existsSync(STATUS) && /VmHWM:\s*(\d+) kB/.exec(readFileSync(STATUS, "utf8"))?.[1];
  return Math.round(Number(own || process.resourceUsage().maxRSS) / 1024);
}
