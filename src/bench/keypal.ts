import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { build } from "esbuild";

import type { PeerCheck, SecondaryStorage } from "./peers.ts";

/** `keypal`, whose package is gone from npm: measured from a checkout of its repository. */
export interface Keypal {
  readonly version: string;
  /** Over its store in memory. */
  readonly check: PeerCheck;
  /** Over its store for Redis. */
  checkOver(storage: SecondaryStorage): Promise<PeerCheck>;
}

/** What the source needs beside itself. */
export const KEYPAL_DEPENDENCIES = { nanoid: "5.1.16", typebox: "1.4.3" };

interface Manager {
  create(metadata: object): Promise<{ readonly key: string }>;
  verify(key: string, options: object): Promise<{ readonly valid: boolean }>;
}

/** Bundles the checkout's source into `folder`, where {@link KEYPAL_DEPENDENCIES} are installed, and loads it. */
export async function openKeypal(checkout: string, folder: string): Promise<Keypal> {
  const outfile = resolve(folder, "keypal.mjs");
  await build({
    entryPoints: [join(checkout, "src/index.ts")],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    nodePaths: [resolve(folder, "node_modules")],
    logLevel: "error",
  });
  const { createKeys } = (await import(pathToFileURL(outfile).href)) as {
    readonly createKeys: (config: object) => Manager;
  };
  const checkOf = async (config: object): Promise<PeerCheck> => {
    const manager = createKeys({ prefix: "acme_", ...config });
    const { key } = await manager.create({ ownerId: "auth0|ada", name: "bench" });
    return async () => {
      // Ours notes no use either: that would be two more requests, which nobody waits for.
      const { valid } = await manager.verify(key, { skipTracking: true });
      if (!valid) throw new Error("keypal refused its own key.");
    };
  };
  const { version } = JSON.parse(await readFile(join(checkout, "package.json"), "utf8")) as {
    readonly version: string;
  };
  return {
    version,
    check: await checkOf({}),
    checkOver: async (storage) => checkOf({ storage: "redis", redis: redisClient(storage) }),
  };
}

/** As much of an `ioredis` client as making and checking a key takes. */
function redisClient(storage: SecondaryStorage): object {
  return {
    get: async (name: string) => storage.get(name),
    pipeline: () => {
      const writes: (readonly [string, string])[] = [];
      return {
        set: (name: string, value: string) => void writes.push([name, value]),
        // The list of an owner's keys, which no check reads.
        sadd: () => undefined,
        exec: async () => {
          for (const [name, value] of writes) await storage.set(name, value);
          return writes.map(() => [null, "OK"]);
        },
      };
    },
  };
}
