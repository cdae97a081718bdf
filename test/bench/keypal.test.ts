import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { openKeypal, type Keypal } from "../../src/bench/keypal.ts";

// As much of the library as a check takes: a record by its id, and the id by the key, both in what it is given.
const SOURCE = `
export function createKeys({ prefix, storage, redis }) {
  const memory = new Map();
  const get = async (name) => (storage === "redis" ? redis.get(name) : memory.get(name));
  return {
    async create({ ownerId }) {
      const key = prefix + "secret";
      const pairs = [["hash:" + key, "id1"], ["id1", ownerId]];
      if (storage !== "redis") {
        for (const [name, value] of pairs) memory.set(name, value);
        return { key };
      }
      const pipeline = redis.pipeline();
      for (const [name, value] of pairs) pipeline.set(name, value);
      pipeline.sadd("owner", "id1");
      for (const [error] of await pipeline.exec()) if (error) throw error;
      return { key };
    },
    async verify(key, { skipTracking }) {
      const id = await get("hash:" + key);
      return { valid: skipTracking && id !== undefined && (await get(id)) === "auth0|ada" };
    },
  };
}`;

let folder: string;
let keypal: Keypal;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "keypal-"));
  await mkdir(join(folder, "checkout/src"), { recursive: true });
  await writeFile(join(folder, "checkout/package.json"), JSON.stringify({ version: "1.2.3" }));
  await writeFile(join(folder, "checkout/src/index.ts"), SOURCE);
  keypal = await openKeypal(join(folder, "checkout"), folder);
});

afterAll(async () => rm(folder, { recursive: true, force: true }));

test("a checkout is bundled, and its own key checked with its store in memory", async () => {
  expect(keypal.version).toBe("1.2.3");
  await expect(keypal.check()).resolves.toBeUndefined();
});

test("over a store of ours it finds what it has put there, and a check that finds nothing is no check", async () => {
  const stored = new Map<string, string>();
  const read: string[] = [];
  const check = await keypal.checkOver({
    get: async (name) => {
      read.push(name);
      return stored.get(name) ?? null;
    },
    set: async (name, value) => void stored.set(name, value),
    delete: async (name) => void stored.delete(name),
  });
  await check();
  expect(read).toEqual(["hash:acme_secret", "id1"]);
  stored.clear();
  await expect(check()).rejects.toThrow("refused its own key");
});
