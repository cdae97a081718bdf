import { createContext, runInContext } from "node:vm";

import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";

import {
  ADA,
  AUDIENCE,
  claimsOf,
  CLIENT_ID,
  stage,
  SUBJECT_TOKEN_TYPE,
  type Stage,
} from "../support/stage.ts";

/** What a Worker has, and nothing of Node: WinterTC's minimum common API, as far as it matters here. */
const WEB = {
  AbortController,
  AbortSignal,
  atob,
  btoa,
  clearTimeout,
  console,
  crypto,
  CryptoKey: (globalThis as Record<string, unknown>)["CryptoKey"],
  DOMException,
  fetch,
  Headers,
  performance,
  ReadableStream,
  Request,
  Response,
  setTimeout,
  structuredClone,
  TextDecoder,
  TextEncoder,
  URL,
  URLSearchParams,
  // The realm's own would not be those of the globals above.
  Uint8Array,
  Uint32Array,
  ArrayBuffer,
  Error,
  TypeError,
  Promise,
};

let s: Stage;
let code: string;
beforeAll(async () => {
  s = await stage();
  const { outputFiles } = await build({
    entryPoints: ["src/client/index.ts"],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "client",
    platform: "browser",
    conditions: ["workerd", "worker", "browser"],
    logLevel: "silent",
  });
  code = outputFiles[0]?.text ?? "";
});
afterAll(async () => s.stop());

test("the library imports nothing of Node", () => {
  expect(code).not.toMatch(/require\(|\bimport\b|\bBuffer\b/);
});

test("with web-standard APIs alone a key is exchanged, cached, and a gateway verifies the token", async () => {
  const { key } = await s.create(ADA, { scope: "read:things" });
  const { token_endpoint, issuer } = s.local.description;
  const endpoint = { token_endpoint, client_id: CLIENT_ID, subject_token_type: SUBJECT_TOKEN_TYPE };
  const context = createContext({ ...WEB, key, endpoint, issuer, audience: AUDIENCE });
  const answer = (await runInContext(
    `${code}
    (async () => {
      const source = new client.ApiKeyTokenSource(endpoint);
      const first = await source.getToken({ apiKey: key, audience, scope: "read:things" });
      const second = await source.getToken({ apiKey: key, audience, scope: "read:things" });
      const gateway = new client.ApiKeyGateway({ source, issuer, audience, scope: "read:things" });
      const decision = await gateway.authorize({ method: "GET", url: "/", headers: { "x-api-key": key } });
      return { token: first.access_token, isSame: first.access_token === second.access_token, kind: decision.kind };
    })()`,
    context,
  )) as { readonly token: string; readonly isSame: boolean; readonly kind: string };
  expect(claimsOf(answer.token)).toMatchObject({ sub: ADA, scope: "read:things" });
  expect([answer.isSame, answer.kind]).toEqual([true, "authorized"]);
});
