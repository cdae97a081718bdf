import * as v from "valibot";

import { isObject } from "../core/key-entry.ts";
import { invalidRequest, Problem } from "./problem.ts";
import { MAX_CHOICES } from "./schemas.ts";

// As many scopes as are offered have room, at 50 characters each.
const MAX_BODY_BYTES = 64 * 1024;

const name = v.pipe(v.string(), v.check(hasUpTo(64), "must have 1 to 64 characters"));
const listOf = (maxLength: number) =>
  v.array(v.pipe(v.string(), v.check(hasUpTo(maxLength), `must have 1 to ${maxLength} characters`)));
const expiresInDays = v.optional(
  v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3660))),
);

/** The bodies of the OpenAPI document: a test holds them against it. */
export const CREATE = v.strictObject({
  name,
  scopes: v.pipe(listOf(280), v.maxLength(MAX_CHOICES)),
  expires_in_days: expiresInDays,
  audiences: v.optional(v.pipe(listOf(600), v.minLength(1), v.maxLength(MAX_CHOICES))),
  organization_id: v.optional(v.pipe(v.string(), v.check(hasUpTo(64), "must have 1 to 64 characters"))),
  ip_ranges: v.optional(v.pipe(listOf(64), v.minLength(1), v.maxLength(20))),
});
export const UPDATE = v.pipe(
  v.strictObject({ name: v.optional(name), disabled: v.optional(v.boolean()) }),
  v.check((change) => Object.keys(change).length > 0, "must change something"),
);
export const ROTATE = v.strictObject({
  overlap_seconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(604_800))),
  expires_in_days: expiresInDays,
});

/**
 * Reads a JSON body of at most 64 KiB, and no further than that. Throws the problem of what is wrong with it. Where the
 * body may be absent, none is as `{}`.
 */
export async function readBody<T extends v.GenericSchema>(
  request: Request,
  schema: T,
  isOptional = false,
): Promise<v.InferOutput<T>> {
  const text = await textOf(request);
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  const isAbsent = isOptional && text === "";
  if (!isAbsent && type !== "application/json") throw new Problem("unsupported_media_type");
  const json = isAbsent ? {} : parse(text);
  // To valibot a list is an object, too.
  if (!isObject(json)) throw invalidRequest("", "must be an object");
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output;
  throw new Problem("invalid_request", {
    errors: parsed.issues.slice(0, 20).map((issue) => ({ pointer: pointerOf(issue), detail: issue.message })),
  });
}

async function textOf(request: Request): Promise<string> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES) {
    throw new Problem("content_too_large");
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = request.body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    bytes += part.value.byteLength;
    if (bytes > MAX_BODY_BYTES) {
      await reader?.cancel();
      throw new Problem("content_too_large");
    }
    chunks.push(part.value);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw invalidRequest("", "must be UTF-8");
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // A syntax error quotes the body; and one of a thousand brackets may be a RangeError.
    throw invalidRequest("", "must be JSON");
  }
}

// Characters, as JSON Schema counts them, and not UTF-16 code units.
function hasUpTo(maxLength: number): (text: string) => boolean {
  return (text) => text.length > 0 && (text.length <= maxLength || Array.from(text).length <= maxLength);
}

function pointerOf(issue: v.BaseIssue<unknown>): string {
  const parts = (issue.path ?? []).map((item) => String(item.key).slice(0, 80));
  return parts.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
