// Loaded before a program: tells on file descriptor 3, as the process ends, how many MiB were resident at most.
import { writeSync } from "node:fs";

import { peakResidentMib } from "./peak-memory.ts";

process.on("exit", () => void writeSync(3, String(peakResidentMib())));
