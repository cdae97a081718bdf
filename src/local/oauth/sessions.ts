import { randomBytes } from "node:crypto";

import type { LoginCommands } from "../actions/post-login-api.ts";
import type { AuthorizationRequest } from "./authorization-request.ts";

const SESSION_MS = 3 * 86_400_000;
const LOGIN_MS = 600_000;
const CODE_MS = 600_000;
const MAX_KEPT = 10_000;

/** A browser's login. */
export interface Session {
  readonly id: string;
  readonly userId: string;
  readonly loggedInAtSeconds: number;
}

/** What an authorization code is good for, once. */
export interface CodeGrant {
  readonly request: AuthorizationRequest;
  readonly session: Session;
  readonly login: LoginCommands;
}

/** What is under way between browsers and a tenant. Names are random and are all that a browser gets. */
export class Sessions {
  readonly logins: ExpiringMap<AuthorizationRequest & { readonly browser: string }>;
  readonly sessions: ExpiringMap<Session>;
  readonly codes: ExpiringMap<CodeGrant>;

  constructor(nowMs: () => number) {
    this.logins = new ExpiringMap(LOGIN_MS, nowMs);
    this.sessions = new ExpiringMap(SESSION_MS, nowMs);
    this.codes = new ExpiringMap(CODE_MS, nowMs);
  }
}

/** Values under random names, each for a while. */
export class ExpiringMap<T> {
  readonly #items = new Map<string, { readonly value: T; readonly untilMs: number }>();
  readonly #lifetimeMs: number;
  readonly #nowMs: () => number;

  constructor(lifetimeMs: number, nowMs: () => number) {
    this.#lifetimeMs = lifetimeMs;
    this.#nowMs = nowMs;
  }

  /** Keeps a value; gives its name. */
  add(value: T, name = newName()): string {
    const [oldest] = this.#items.keys();
    if (this.#items.size >= MAX_KEPT && oldest !== undefined) this.#items.delete(oldest);
    this.#items.set(name, { value, untilMs: this.#nowMs() + this.#lifetimeMs });
    return name;
  }

  get(name: string): T | undefined {
    const item = this.#items.get(name);
    return item && this.#nowMs() < item.untilMs ? item.value : undefined;
  }

  /** Gives a value and forgets it. */
  take(name: string): T | undefined {
    const value = this.get(name);
    this.#items.delete(name);
    return value;
  }
}

/** A name that nobody guesses. */
export function newName(): string {
  return randomBytes(24).toString("base64url");
}
