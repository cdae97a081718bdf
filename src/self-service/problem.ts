import { PROBLEMS, type ProblemCode } from "./problems.ts";

/** One mistake in a request: a JSON Pointer into the body, or the name of a header, and what it must be. */
export interface Mistake {
  readonly pointer: string;
  readonly detail: string;
}

/** A refusal on its way to the caller. Nothing of it comes from a store's own error. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: ProblemCode;
  readonly errors: readonly Mistake[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ProblemCode,
    more: {
      readonly detail?: string;
      readonly errors?: readonly Mistake[];
      readonly headers?: Readonly<Record<string, string>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(more.detail ?? PROBLEMS[code].detail, { cause: more.cause });
    this.code = code;
    this.errors = more.errors ?? [];
    this.headers = more.headers ?? {};
  }
}

/** 400 `invalid_request` for one mistake. */
export function invalidRequest(pointer: string, detail: string): Problem {
  return new Problem("invalid_request", { errors: [{ pointer, detail }] });
}

/** The answer of RFC 9457. `errorPages` is what codes are appended to for `type`. */
export function problemResponse({ code, message, errors, headers }: Problem, errorPages: string): Response {
  const { status, title } = PROBLEMS[code];
  const body = {
    type: errorPages + code,
    title,
    status,
    code,
    detail: message,
    ...(errors.length > 0 && { errors }),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...headers, "content-type": "application/problem+json" },
  });
}
