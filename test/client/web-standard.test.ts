import vm from "node:vm";

import { build, type BuildOptions } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";

import { ADA, claimsOf, stage, type Stage } from "../support/stage.ts";

/** Bundles with everything that it imports. Rejects where an import is of Node. */
async function bundle(options: BuildOptions) {
  const mainFields = ["module", "main"];
  const settings = { bundle: true, write: false, metafile: true, logLevel: "silent", mainFields } as const;
  const { outputFiles, metafile } = await build({ ...options, ...settings });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  return { code: outputFiles[0]?.text ?? "", imports };
}

/** What a Worker has, and nothing of Node. The typed arrays are the host's, since what its fetch and crypto give is. */
const WEB_GLOBALS = [
  ..."AbortController AbortSignal Blob DOMException Event EventTarget FormData Headers ReadableStream".split(
    " ",
  ),
  ..."Request Response TextDecoder TextEncoder TransformStream URL URLSearchParams WritableStream".split(" "),
  ..."ArrayBuffer DataView Uint8Array Uint16Array Uint32Array CryptoKey".split(" "),
  ..."atob btoa clearTimeout crypto fetch performance queueMicrotask setTimeout structuredClone".split(" "),
] as const;

// The whole of what a Worker as a gateway does, over a Redis that it reaches with fetch.
const WORKER = `
  import * as client from "./src/client/index.ts";
  export async function use(description, headers) {
    const redis = client.upstashRedis({ url: description.redis_rest_url, token: description.redis_rest_token });
    const cache = client.layeredTokenCache(client.memoryTokenCache(), client.redisTokenCache(redis, { settleMs: 0 }));
    const { token_endpoint, client_id, subject_token_type } = description;
    const source = new client.ApiKeyTokenSource({ token_endpoint, client_id, subject_token_type, cache });
    const killSwitch = new client.KillSwitch({ redis });
    const { issuer, audience } = description;
    const gateway = new client.ApiKeyGateway({ source, issuer, audience, scope: "read:things", killSwitch });
    const answer = await client.gatewayRequest(gateway, new Request("https://api/", { headers }), undefined);
    return answer instanceof Response ? String(answer.status) : answer.headers.get("authorization");
  }`;

let s: Stage;
let worker: Awaited<ReturnType<typeof bundle>>;
beforeAll(async () => {
  s = await stage();
  const stdin = { contents: WORKER, resolveDir: process.cwd() };
  worker = await bundle({ stdin, platform: "neutral", format: "iife", globalName: "worker" });
});
afterAll(async () => s.stop());

test("the library but for its file cache is one bundle that imports nothing, of Node or else", () => {
  expect(worker.imports).toEqual([]);
});

test("so it is for browsers; the file cache, which needs Node, is not", async () => {
  const ofBrowser = async (file: string) => bundle({ entryPoints: [file], platform: "browser" });
  expect((await ofBrowser("src/client/index.ts")).imports).toEqual([]);
  await expect(ofBrowser("src/client/node.ts")).rejects.toThrow("node:fs");
});

test("where there are web globals only, it exchanges, caches, verifies and refuses as a gateway", async () => {
  const globals = globalThis as unknown as Record<string, unknown>;
  const context = vm.createContext(Object.fromEntries(WEB_GLOBALS.map((name) => [name, globals[name]])));
  expect(vm.runInContext("typeof process + typeof Buffer + typeof require", context)).toBe(
    "undefined".repeat(3),
  );
  vm.runInContext(worker.code, context);
  const { use } = vm.runInContext("worker", context) as {
    readonly use: (description: object, headers: Record<string, string>) => Promise<string>;
  };
  const { key } = await s.create(ADA, { scope: "read:things" });
  const first = await use(s.local.description, { "x-api-key": key });
  expect(claimsOf(first)).toMatchObject({ sub: ADA, scope: "read:things" });
  // Another source finds the token in Redis.
  expect(await use(s.local.description, { authorization: `Bearer ${key}` })).toBe(first);
  expect(s.local.tenant.logs.filter(({ type }) => type === "secte")).toHaveLength(1);
  expect(await use(s.local.description, { "x-api-key": `${key.slice(0, -6)}000000` })).toBe("401");
});
