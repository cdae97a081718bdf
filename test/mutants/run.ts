import { execFile, spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";

import { MUTANTS, mutate } from "./list.ts";
import type { Mutant } from "./mutant.ts";

const HELP = `Usage: npm run mutants [-- --only NAME] [-- --jobs N]

Breaks the code in one place at a time, as test/mutants/list.ts says, and expects the tests that it names to fail.
Works on copies of this checkout. Ends with 1 if a mutant lives, or could not be tried.
`;
const TIMEOUT_MS = 300_000;

/** Tests to run: files, and a pattern of names. */
type Selection = Pick<Mutant, "tests" | "only">;

/** What became of a mutant: `broken` if there was nothing to judge by. */
interface Verdict {
  readonly result: "killed" | "lived" | "broken";
  readonly detail: string;
}

/** What Vitest's JSON says, as far as it is read. */
interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    jobs: { type: "string", default: String(Math.min(2, availableParallelism())) },
    help: { type: "boolean", default: false },
  },
});
if (values.help) process.stdout.write(HELP);
else process.exitCode = await main(values.only ?? [], Number(values.jobs));

async function main(only: readonly string[], jobs: number): Promise<0 | 1> {
  const unknown = only.filter((one) => !MUTANTS.some(({ name }) => name === one));
  if (unknown.length > 0) {
    process.stderr.write(`There is no mutant ${unknown.join(", ")}.\n`);
    return 1;
  }
  const mutants = MUTANTS.filter(({ name }) => only.length === 0 || only.includes(name));
  const copies = await Promise.all(Array.from({ length: jobs }, copyCheckout));
  try {
    return await tryAll(mutants, copies);
  } finally {
    for (const copy of copies) await rm(copy, { recursive: true, force: true });
  }
}

async function tryAll(mutants: readonly Mutant[], copies: readonly string[]): Promise<0 | 1> {
  const startedMs = performance.now();
  const say = (text: string) => process.stdout.write(`${text}\n`);
  // What fails without a mutant proves nothing.
  const failing = new Set<string>();
  await inCopies(copies, selectionsOf(mutants), async (copy, selection) => {
    const report = await runTests(copy, selection, false);
    for (const one of failedIn(report)) failing.add(one);
  });
  for (const one of failing) say(`fails without a mutant, and counts for nothing: ${one}`);
  const bad: string[] = [];
  await inCopies(copies, mutants, async (copy, mutant) => {
    const begunMs = performance.now();
    const { result, detail } = await tryMutant(copy, mutant, failing);
    const seconds = ((performance.now() - begunMs) / 1_000).toFixed(1);
    say(`${result.padEnd(6)} ${seconds.padStart(6)} s  ${mutant.name}  (${detail})`);
    if (result !== "killed") bad.push(`${result}: ${mutant.name}`);
  });
  const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1);
  const live = bad.length;
  say(`${mutants.length} mutants: ${mutants.length - live} killed, ${live} live (${minutes} min)`);
  for (const one of bad) say(`  ${one}`);
  return live === 0 ? 0 : 1;
}

/** The tests of all mutants, each file once: with the names that are asked for in it. */
function selectionsOf(mutants: readonly Mutant[]): readonly Selection[] {
  const files = [...new Set(mutants.flatMap(({ tests }) => tests))];
  return files.map((file) => {
    const patterns = mutants.flatMap(({ tests, only }) => (tests.includes(file) ? [only] : []));
    const isWhole = patterns.includes(undefined);
    return { tests: [file], ...(!isWhole && { only: [...new Set(patterns)].join("|") }) };
  });
}

/** Works through a list, in each copy one after the other. */
async function inCopies<T>(
  copies: readonly string[],
  all: readonly T[],
  work: (copy: string, one: T) => Promise<void>,
): Promise<void> {
  const left = [...all];
  const workIn = async (copy: string) => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await work(copy, one);
  };
  await Promise.all(copies.map(workIn));
}

/** All that git knows or would take, as it stands here, with the same packages. */
async function copyCheckout(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "mutant-"));
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const { stdout } = await promisify(execFile)("git", list, { maxBuffer: 2 ** 26 });
  for (const file of stdout.split("\0")) {
    if (file === "") continue;
    await cp(file, join(folder, file)).catch((error: NodeJS.ErrnoException) => {
      // One that was deleted and is not yet committed is still listed.
      if (error.code !== "ENOENT") throw error;
    });
  }
  await symlink(resolve("node_modules"), join(folder, "node_modules"));
  return folder;
}

async function tryMutant(copy: string, mutant: Mutant, failing: ReadonlySet<string>): Promise<Verdict> {
  const file = join(copy, mutant.file);
  const source = await readFile(file, "utf8");
  const mutated = mutate(source, mutant);
  if (mutated === undefined) {
    return { result: "broken", detail: `its text is not in ${mutant.file} just once` };
  }
  await writeFile(file, mutated);
  try {
    return judge(await runTests(copy, mutant, failing.size === 0), failing);
  } finally {
    await writeFile(file, source);
  }
}

/** Gives Vitest's report; none if it took too long, or wrote none. */
async function runTests(
  copy: string,
  { tests, only }: Selection,
  isFirstEnough: boolean,
): Promise<Report | undefined> {
  const output = join(copy, "mutant-report.json");
  await rm(output, { force: true });
  const argv = [
    "node_modules/vitest/vitest.mjs",
    "run",
    ...tests,
    "--reporter=json",
    `--outputFile=${output}`,
    ...(isFirstEnough ? ["--bail=1"] : []),
    ...(only === undefined ? [] : ["-t", only]),
  ];
  await new Promise<void>((done, failed) => {
    const child = spawn(process.execPath, argv, { cwd: copy, stdio: "ignore" });
    const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
    child.once("error", failed);
    child.once("exit", () => {
      clearTimeout(timer);
      done();
    });
  });
  const text = await readFile(output, "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Report);
}

function judge(report: Report | undefined, failing: ReadonlySet<string>): Verdict {
  if (!report) return { result: "broken", detail: "no report of the tests, or not in time" };
  const failed = failedIn(report).find((name) => !failing.has(name));
  if (failed !== undefined) return { result: "killed", detail: failed };
  // A file that could not be loaded, or could not prepare its tests, proves nothing.
  const unloaded = report.testResults.find((one) => one.status === "failed" && one.message !== "");
  if (unloaded) return { result: "broken", detail: unloaded.message.split("\n")[0] ?? "" };
  if (report.numPassedTests === 0)
    return { result: "broken", detail: "no test has such a name, or all fail" };
  return { result: "lived", detail: `${report.numPassedTests} tests pass` };
}

function failedIn(report: Report | undefined): readonly string[] {
  const all = report?.testResults.flatMap(({ assertionResults }) => assertionResults) ?? [];
  return all.filter(({ status }) => status === "failed").map(({ fullName }) => fullName);
}
