import { runKeys } from "../../src/cli/keys/keys-program.ts";
import type { Clock } from "./clock.ts";

/** What a run of the CLI left. */
export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the keys CLI in process, as `npm run keys -- …` does. */
export async function runKeysCli(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin = "",
  clock?: Clock,
): Promise<Run> {
  let [out, err] = ["", ""];
  const code = await runKeys(argv, {
    env,
    stdout: (text) => void (out += text),
    stderr: (text) => void (err += text),
    readStdin: async () => stdin,
    ...(clock && { clock }),
  });
  return { code, out, err };
}
