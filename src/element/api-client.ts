import type { ApiKey, Grantable, NewKey, ShownKey } from "./types.ts";

/** Gives an access token for the self-service API; a new one if `isFresh`, since the last was refused. */
export type GetAccessToken = (options: { readonly isFresh: boolean }) => Promise<string>;

/** A request that failed: by the API's refusal, or before it got there. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** The API's code, or `offline`, `unreachable`, `login_required`. */
  readonly code: string;
  readonly mistakes: readonly { readonly pointer: string; readonly detail: string }[];

  constructor(code: string, text: string, mistakes: ApiError["mistakes"] = []) {
    super(text);
    this.code = code;
    this.mistakes = mistakes;
  }
}

const TIMEOUT_MS = 30_000;

/** The self-service API, with the user's access token. Every failure is an {@link ApiError}. */
export class ApiClient {
  readonly #baseUrl: string;
  readonly #getAccessToken: GetAccessToken;
  readonly #ended: AbortSignal;

  /** Once `ended` is aborted, no request gives an answer any more: it was for another user. */
  constructor(baseUrl: string, getAccessToken: GetAccessToken, ended: AbortSignal) {
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
    this.#getAccessToken = getAccessToken;
    this.#ended = ended;
  }

  async list(): Promise<readonly ApiKey[]> {
    const { api_keys } = await this.#send<{ api_keys: readonly ApiKey[] }>("GET", "/api-keys");
    return api_keys;
  }

  async grantable(): Promise<Grantable> {
    return this.#send("GET", "/scopes");
  }

  async create(body: NewKey, idempotencyKey: string): Promise<ShownKey> {
    return this.#send("POST", "/api-keys", body, idempotencyKey);
  }

  async rotate(id: string, overlapSeconds: number, idempotencyKey: string): Promise<ShownKey> {
    return this.#send("POST", `/api-keys/${id}/rotate`, { overlap_seconds: overlapSeconds }, idempotencyKey);
  }

  async change(id: string, what: "cancel-rotation" | "end-overlap"): Promise<void> {
    await this.#send("POST", `/api-keys/${id}/${what}`);
  }

  async setDisabled(id: string, disabled: boolean): Promise<void> {
    await this.#send("PATCH", `/api-keys/${id}`, { disabled });
  }

  async revoke(id: string): Promise<void> {
    await this.#send("DELETE", `/api-keys/${id}`);
  }

  async #send<T>(method: string, path: string, body?: object, idempotencyKey?: string): Promise<T> {
    const attempt = async (isFresh: boolean): Promise<Response> => {
      const token = await this.#getAccessToken({ isFresh }).catch((error: unknown) => {
        throw failure("login_required", error);
      });
      if (this.#ended.aborted) throw new ApiError("unreachable", "");
      return fetch(this.#baseUrl + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body && { "content-type": "application/json" }),
          ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
        },
        ...(body && { body: JSON.stringify(body) }),
        cache: "no-store",
        referrerPolicy: "no-referrer",
        signal: AbortSignal.any([this.#ended, AbortSignal.timeout(TIMEOUT_MS)]),
      }).catch((error: unknown) => {
        throw failure("unreachable", error);
      });
    };
    let response = await attempt(false);
    // The token may have ended since it was cached: once more, with a new one.
    if (response.status === 401) response = await attempt(true);
    if (response.status === 204 && !this.#ended.aborted) return undefined as T;
    const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
    if (this.#ended.aborted) throw new ApiError("unreachable", "");
    if (response.ok) return answer as T;
    const { code = "unreachable", title = "", detail = "", errors = [] } = answer as Partial<Problem>;
    throw new ApiError(
      code === "invalid_token" ? "login_required" : code,
      `${title} ${detail}`.trim(),
      errors,
    );
  }
}

interface Problem {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly errors: ApiError["mistakes"];
}

function failure(code: string, error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(navigator.onLine ? code : "offline", "");
}
