import { apply, planApply, type Deploying, type Planned } from "../../../src/deploy/apply.ts";
import type { Effect } from "../../../src/deploy/change.ts";
import type { DeployConfigInput } from "../../../src/deploy/config.ts";
import type { JournalEntry } from "../../../src/deploy/journal.ts";
import { planDestroy, planRollback, undo } from "../../../src/deploy/undo.ts";
import type { Tenant } from "../../../src/local/tenant.ts";
import type { Clock } from "../../support/clock.ts";
import { deployingTo, PEPPER, planAndApply, strip, type DesiredOptions } from "../../support/deploying.ts";
import { moveIn } from "../../support/neighbours.ts";
import { stage, type Stage } from "../../support/stage.ts";
import { Hand } from "./hand.ts";
import { changesBetween, view, type View } from "./tenant-view.ts";

export const COLUMNS = [
  "nothing there",
  "ours as it should be",
  "ours and changed",
  "ours with others' additions",
  "another's",
  "changed between plan and apply",
] as const;
export type Column = (typeof COLUMNS)[number];
export type Command = "apply" | "apply --prune" | "rollback" | "destroy";

/** An application: of our deployment, or of another one of the tenant, which is called billing. */
export interface Application {
  readonly called: string;
  readonly deployment: "ours" | "billing";
  readonly config: Partial<DeployConfigInput>;
  readonly redisToken?: string;
  readonly redisUrl?: string;
  /** Whether it has another journal, as another pipeline has. */
  readonly hasOtherJournal?: true;
  /** What is run. Default: an application. */
  readonly run?: "destroy";
  /** The request after whose answer it dies; `*` stands for an id. */
  readonly diesAfter?: string;
  readonly prune?: true;
}

/** What was before: applications, and what people did. */
export type Step = Application | { readonly called: string; readonly hand: (hand: Hand) => void };

/** What a command meets, and what shall become of it: all of it written by hand. */
export interface Case {
  /** Which of several cases of a cell. */
  readonly called?: string;
  /** Applied before. Default: the row's. */
  readonly after?: readonly Step[];
  /** What is configured. Default: the row's, and else what was applied last. */
  readonly now?: Application;
  /** What a person did before the command. */
  readonly given?: (hand: Hand) => void;
  /** Whether the command runs without the --prune of its row. */
  readonly isPruneLeftOut?: true;
  /** Whether the journal was lost. */
  readonly isJournalLost?: true;
  /** What a person does after the plan and before it is carried out. */
  readonly meanwhile?: ((hand: Hand) => void) | Application;
  /** What a person does right after a request was answered, before the next one. */
  readonly during?: { readonly request: string; readonly hand: (hand: Hand) => void };
  /** The effects that are planned, in their order; `!code` for a refusal to plan. */
  readonly plans: string;
  /** What is said beside the plan of what will not be as it was, a piece of each sentence. Default: not looked at. */
  readonly says?: readonly string[];
  /** The code that carrying out ends with. Default: it succeeds. */
  readonly ends?: string;
  /** All that differs afterwards from when it was carried out. */
  readonly changes: readonly string[];
  /** What the same command plans when it is run again. Default: nothing; after a rollback or a destruction, a refusal. */
  readonly again?: string;
  /** Where the second run is carried out: all that it changes. */
  readonly mends?: readonly string[];
}

export interface Row {
  readonly effect: Effect["kind"];
  /** Which of an effect's forms. */
  readonly form?: string;
  readonly command: Command;
  readonly after: readonly Step[];
  readonly now?: Application;
  /** A case, several, or why there is none. */
  readonly cells: Readonly<Record<Column, Case | readonly Case[] | string>>;
}

/** What became of it. */
export interface Outcome {
  readonly plans: string;
  readonly says: readonly string[];
  readonly ends: string | undefined;
  readonly changes: readonly string[];
  readonly again: string;
  readonly mends: readonly string[] | undefined;
}

const BILLING: DesiredOptions = { redisUrl: "https://billing.example", pepper: `1:${"b".repeat(43)}` };

/** Tenants as applications left them, and one on which cells are played. */
export class Table {
  private readonly kept = new Map<string, { readonly load: () => void; readonly journal: JournalEntry[] }>();

  private constructor(
    private readonly s: Stage,
    private readonly clock: Clock,
  ) {}

  static async open(clock: Clock): Promise<Table> {
    const s = await stage({ deployed: false, nowMs: clock.nowMs });
    const table = new Table(s, clock);
    strip(s.local.tenant);
    moveIn(s.local.tenant);
    await clock.sleep(2_000);
    table.kept.set("", { load: save(s.local.tenant), journal: [] });
    return table;
  }

  async close(): Promise<void> {
    await this.s.stop();
  }

  /** Plays a cell. */
  async play(row: Row, one: Case): Promise<Outcome> {
    const steps = one.after ?? row.after;
    const now = one.now ?? row.now ?? steps.findLast(isOurs);
    if (!now) throw new Error("nothing is configured");
    const journal = await this.arrange(steps);
    const { tenant } = this.s.local;
    const hand = new Hand(tenant);
    one.given?.(hand);
    await this.clock.sleep(2_000);
    const deploying = await this.deploying(now, one.isJournalLost ? [] : journal);
    let before = this.look();
    const command = one.isPruneLeftOut ? "apply" : row.command;
    const { planned, kinds, says = [] } = await this.plan(command, deploying);
    if (planned && one.meanwhile) {
      if (typeof one.meanwhile === "function") one.meanwhile(hand);
      else await planAndApply(await this.deploying(one.meanwhile, []));
      await this.clock.sleep(2_000);
      before = this.look();
    }
    const isOver = one.during && this.interrupt(one.during.request, () => one.during?.hand(hand));
    const ends = planned && (await this.carryOut(command, deploying, planned));
    isOver?.();
    const after = this.look();
    const changes = changesBetween(before, after);
    if (ends !== undefined) await this.clock.sleep(2_000);
    const second = await this.plan(command, deploying);
    let mends: readonly string[] | undefined;
    if (one.mends && second.planned) {
      await this.carryOut(command, deploying, second.planned);
      mends = changesBetween(after, this.look());
      const third = await this.plan(command, deploying);
      if (command.startsWith("apply") && third.kinds !== "") mends = [`a third run plans ${third.kinds}`];
    }
    return { plans: kinds, says, ends, changes, again: second.kinds, mends };
  }

  /** Does something once a request was answered; gives what ends the waiting for it. */
  private interrupt(request: string, act: () => void): () => void {
    const original = globalThis.fetch;
    const pattern = new RegExp(`^${request.replace("*", "[^/]+")}$`);
    let isDone = false;
    globalThis.fetch = async (input, init) => {
      const answer = await original(input, init);
      const url = input instanceof Request ? input.url : String(input);
      if (!isDone && pattern.test(`${init?.method ?? "GET"} ${new URL(url).pathname}`)) {
        isDone = true;
        act();
      }
      return answer;
    };
    return () => {
      globalThis.fetch = original;
      if (!isDone) throw new Error(`nothing asked for ${request}`);
    };
  }

  private look(): View {
    const { redis_rest_url, redis_rest_read_only_token } = this.s.local.description;
    const secrets: Readonly<Record<string, string>> = {
      [redis_rest_url]: "ours",
      [redis_rest_read_only_token]: "ours",
      [PEPPER]: "ours",
    };
    return view(this.s.local.tenant, (value) => secrets[value] ?? value);
  }

  private async plan(
    command: Command,
    deploying: Deploying,
  ): Promise<{ readonly kinds: string; readonly says?: readonly string[]; readonly planned?: Planned }> {
    try {
      const planned =
        command === "rollback"
          ? await planRollback(deploying)
          : command === "destroy"
            ? await planDestroy(deploying)
            : await planApply(deploying, { prune: command === "apply --prune" });
      const kinds = planned.changes.map(({ effect }) => effect.kind).join(" ");
      return { kinds, says: planned.caveats, planned };
    } catch (error) {
      return { kinds: `!${(error as { readonly code?: string }).code ?? String(error)}` };
    }
  }

  private async carryOut(
    command: Command,
    deploying: Deploying,
    planned: Planned,
  ): Promise<string | undefined> {
    try {
      if (command === "rollback" || command === "destroy") await undo(deploying, command, planned);
      else await apply(deploying, planned as Parameters<typeof apply>[1]);
      return undefined;
    } catch (error) {
      return (error as { readonly code?: string }).code ?? String(error);
    }
  }

  /** Brings the tenant to what steps left, and gives the journal of our own deployment. */
  private async arrange(steps: readonly Step[]): Promise<JournalEntry[]> {
    const key = steps.map(({ called }) => called).join(" ");
    const known = this.kept.get(key);
    if (known) {
      known.load();
      return structuredClone(known.journal);
    }
    const last = steps.at(-1);
    if (!last) throw new Error("the bare tenant is known");
    const journal = await this.arrange(steps.slice(0, -1));
    if ("hand" in last) last.hand(new Hand(this.s.local.tenant));
    else {
      const isJournaled = isOurs(last) && !last.hasOtherJournal;
      const deploying = await this.deploying(last, isJournaled ? journal : []);
      await this.run(last, deploying);
      if (isJournaled) journal.splice(0, Infinity, ...deploying.journal.entries);
    }
    await this.clock.sleep(2_000);
    this.kept.set(key, { load: save(this.s.local.tenant), journal: structuredClone(journal) });
    return this.arrange(steps);
  }

  private async run({ run, prune, diesAfter }: Application, deploying: Deploying): Promise<void> {
    if (run === "destroy") return undo(deploying, "destroy", await planDestroy(deploying));
    if (diesAfter === undefined) return planAndApply(deploying, { prune: prune === true });
    const original = globalThis.fetch;
    const isOver = this.interrupt(diesAfter, () => {
      globalThis.fetch = async () => Promise.reject(new TypeError("fetch failed"));
    });
    const error = await planAndApply(deploying).catch((error: unknown) => error);
    isOver();
    globalThis.fetch = original;
    if (error === undefined) throw new Error("it should have died");
  }

  private async deploying(
    { config, deployment, redisToken, redisUrl }: Application,
    journal: readonly JournalEntry[],
  ) {
    const deploying = await deployingTo(this.s, this.clock, {
      config,
      ...(deployment === "billing" && BILLING),
      ...(redisToken !== undefined && { redisToken }),
      ...(redisUrl !== undefined && { redisUrl }),
    });
    deploying.journal.entries.push(...journal);
    return deploying;
  }
}

function isOurs(step: Step): step is Application & { readonly deployment: "ours" } {
  return "deployment" in step && step.deployment === "ours";
}

/** Keeps all of a tenant's state that deployments and hands change; gives what brings it back. */
function save(tenant: Tenant): () => void {
  const maps = [
    tenant.actions,
    tenant.actionStates,
    tenant.profiles,
    tenant.resourceServers,
    tenant.clients,
  ] as readonly Map<string, unknown>[];
  const saved = maps.map((map) => [...map]);
  const bindings = [...tenant.postLoginBindings];
  const { ipThrottling } = tenant;
  return () => {
    for (const [at, map] of maps.entries()) {
      map.clear();
      for (const [key, value] of saved[at] ?? []) map.set(key, value);
    }
    tenant.postLoginBindings.splice(0, Infinity, ...bindings);
    tenant.ipThrottling = ipThrottling;
  };
}
