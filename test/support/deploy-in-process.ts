import { runDeploy } from "../../src/cli/deploy/deploy-program.ts";
import type { Clock } from "./clock.ts";

/** What a run of `deploy` printed, asked, and ended with. */
export interface DeployRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly asked: readonly string[];
}

/**
 * Runs `deploy` on the local tenant in process; nobody is there to be asked unless an answer is given: yes, no, or what is
 * typed.
 */
export async function deployInProcess(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  clock: Clock,
  answer?: boolean | string,
): Promise<DeployRun> {
  const out = { stdout: "", stderr: "" };
  const asked: string[] = [];
  const io = {
    env,
    stdout: (text: string) => void (out.stdout += text),
    stderr: (text: string) => void (out.stderr += text),
    readStdin: async () => Promise.resolve(""),
  };
  const terminal = {
    isInteractive: answer !== undefined,
    async confirm(question: string) {
      asked.push(question);
      return Promise.resolve(answer === true);
    },
    async ask(question: string) {
      asked.push(question);
      return Promise.resolve(typeof answer === "string" ? answer : "");
    },
  };
  const code = await runDeploy([...argv, "--local"], io, { clock, terminal });
  return { ...out, asked, code };
}
