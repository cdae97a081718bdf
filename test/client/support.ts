import { randomBytes } from "node:crypto";

import type { Clock } from "../../src/client/clock.ts";
import type { TokenSourceOptions } from "../../src/client/token-source.ts";
import type { CachedToken, CacheSlot } from "../../src/client/token-cache.ts";
import { ApiKey } from "../../src/core/api-key.ts";

export const KEY = ApiKey.generate("acme_live", randomBytes);
export const OTHER_KEY = ApiKey.generate("acme_live", randomBytes);

export const ENDPOINT = {
  token_endpoint: "https://acme.example/oauth/token",
  client_id: "client",
  subject_token_type: "urn:acme:api-key",
} as const;

/** A clock that stands still, but for those who sleep and for tests that move it. */
export class FakeClock implements Clock {
  atMs = 1_800_000_000_000;
  slept: number[] = [];

  nowMs(): number {
    return this.atMs;
  }

  async sleep(ms: number): Promise<void> {
    this.slept.push(ms);
    this.atMs += ms;
    await turn();
  }

  passSeconds(seconds: number): void {
    this.atMs += seconds * 1000;
  }
}

/** One answer of the endpoint: a refusal, a lifetime for a token, or what the network does instead. */
export type Behaviour =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }
  | { readonly expires_in: number }
  | { readonly fails: Error };

/** A token endpoint as a `fetch`: answers in turn as told, the last one again and again, with numbered tokens. */
export class FakeEndpoint {
  readonly requests: { readonly url: string; readonly body: URLSearchParams; readonly headers: Headers }[] =
    [];
  behaviours: Behaviour[] = [{ expires_in: 1_000 }];

  readonly fetch: typeof fetch = async (input, init) => {
    this.requests.push({
      url: input instanceof Request ? input.url : String(input),
      body: new URLSearchParams(typeof init?.body === "string" ? init.body : ""),
      headers: new Headers(init?.headers),
    });
    const behaviour = this.behaviours.length > 1 ? this.behaviours.shift() : this.behaviours[0];
    // As any network takes.
    await turn();
    if (!behaviour) throw new Error("no behaviour");
    if ("fails" in behaviour) throw behaviour.fails;
    if ("expires_in" in behaviour)
      return Response.json(success(`token-${this.requests.length}`, behaviour.expires_in));
    const { status, body, headers = {} } = behaviour;
    return body === undefined
      ? new Response("<html>", { status, headers })
      : Response.json(body, { status, headers });
  };
}

/** A successful answer of the token endpoint. */
export function success(access_token: string, expires_in: number): object {
  return {
    access_token,
    expires_in,
    token_type: "Bearer",
    issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
  };
}

/** An OAuth refusal. */
export function refusal(status: number, error: string, headers: Record<string, string> = {}): Behaviour {
  return { status, headers, body: { error, error_description: `because of ${error}` } };
}

/** Options of a source with a fake clock and endpoint, and jitter in the middle. */
export function sourceOptions(endpoint: FakeEndpoint, clock: FakeClock): TokenSourceOptions {
  return { ...ENDPOINT, fetch: endpoint.fetch, clock, random: () => 0.5 };
}

/** A token as caches hold it. */
export function tokenOf(
  access_token: string,
  obtainedAtSeconds: number,
  lifetimeSeconds = 1_000,
): CachedToken {
  const expiresAtSeconds = obtainedAtSeconds + lifetimeSeconds;
  return { access_token, token_type: "Bearer", scope: "read:things", obtainedAtSeconds, expiresAtSeconds };
}

/** A slot that no key belongs to. */
export function randomSlot(): CacheSlot {
  return { name: randomBytes(32).toString("base64url"), encryptionKey: new Uint8Array(randomBytes(32)) };
}

/** Lets everything run that can. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn();
}

async function turn(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}
