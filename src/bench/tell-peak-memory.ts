// Loaded before a program: tells on file descriptor 3, as the process ends, how many KiB were resident at most.
import { existsSync, readFileSync, writeSync } from "node:fs";

const STATUS = "/proc/self/status";

process.on("exit", () => {
  // On Linux `maxRSS` begins with what the parent had when it started this process: only the peak of its own counts.
  const ofLinux = existsSync(STATUS) && /VmHWM:\s*(\d+) kB/.exec(readFileSync(STATUS, "utf8"))?.[1];
  writeSync(3, String(ofLinux || process.resourceUsage().maxRSS));
});
