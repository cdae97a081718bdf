import { AsyncLocalStorage } from "node:async_hooks";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

import type { Stage } from "./stage.ts";

/** Operations on files that leave something behind. */
const WRITING = ["writeFile", "rename", "appendFile"] as const;

/** How a run ended: by itself, or by the death of its process. */
export type Ended<T> = { readonly kind: "ended"; readonly value: T } | { readonly kind: "died" };

/** The world as a process leaves it that dies: nothing that it would have done afterwards is done. */
export interface Deaths {
  /** What the last run did to the world, in order: `METHOD path`, or the name of an operation on a file. */
  readonly points: readonly string[];
  /**
   * Runs a program to its end. After each thing that it does, `between` is done, which is no part of it. The request with
   * the number `lost` never arrives.
   */
  run<T>(program: () => Promise<T>, between?: (point: string) => Promise<void>, lost?: number): Promise<T>;
  /** Runs a program whose process dies as the thing with this number takes effect; or half of it, if that is a write. */
  kill<T>(at: number, program: () => Promise<T>, isHalf?: boolean): Promise<Ended<T>>;
  close(): void;
}

/**
 * Stands in the `fetch` and the file operations of this process. A program that dies hangs for ever in what it was doing.
 * The Management API is reached without a socket.
 */
export function openDeaths({ local, settings }: Stage): Deaths {
  interface Run {
    readonly points: string[];
    readonly diesAt: number;
    readonly die: () => void;
    readonly isHalf?: boolean | undefined;
    readonly lost?: number | undefined;
    readonly between?: ((point: string) => Promise<void>) | undefined;
  }
  const runs = new AsyncLocalStorage<Run | undefined>();
  let last: Run | undefined;
  const original = globalThis.fetch;
  const files = { ...fs.promises };

  /** Does one thing of a run, unless its process is dead. */
  async function doOne<T>(point: string, work: () => Promise<T>, half = work): Promise<T> {
    const run = runs.getStore();
    if (!run) return work();
    const at = run.points.push(point) - 1;
    if (at > run.diesAt) return forEver();
    if (at === run.lost) throw new TypeError("fetch failed", { cause: new Error("socket hang up") });
    const done = await (at === run.diesAt && run.isHalf ? half() : work());
    if (at === run.diesAt) {
      run.die();
      return forEver();
    }
    if (run.between) await runs.run(undefined, async () => run.between?.(point));
    return done;
  }

  globalThis.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const isManagement = url.startsWith(settings.managementApi);
    return doOne(`${init?.method ?? "GET"} ${new URL(url).pathname}`, async () =>
      isManagement ? local.fetch(new Request(url, init)) : original(input, init),
    );
  };
  for (const name of WRITING) {
    const real = files[name] as (...all: unknown[]) => Promise<unknown>;
    Object.assign(fs.promises, {
      [name]: async (...all: unknown[]) => {
        const [file, text, ...rest] = all;
        const half = async () => real(file, String(text).slice(0, String(text).length / 2), ...rest);
        return doOne(name, async () => real(...all), name === "rename" ? undefined : half);
      },
    });
  }
  syncBuiltinESMExports();

  return {
    get points() {
      return last?.points ?? [];
    },
    async run(program, between, lost) {
      last = { points: [], diesAt: Infinity, die: () => undefined, between, lost };
      return runs.run(last, program);
    },
    async kill(at, program, isHalf) {
      return new Promise((resolve, reject) => {
        last = { points: [], diesAt: at, die: () => resolve({ kind: "died" }), isHalf };
        runs.run(last, program).then((value) => resolve({ kind: "ended", value }), reject);
      });
    },
    close() {
      runs.disable();
      globalThis.fetch = original;
      for (const name of WRITING) Object.assign(fs.promises, { [name]: files[name] });
      syncBuiltinESMExports();
    },
  };
}

async function forEver<T>(): Promise<T> {
  return new Promise(() => undefined);
}
