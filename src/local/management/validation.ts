import type { Context } from "hono";
import * as v from "valibot";

import { ManagementApiError } from "./management-error.ts";

/** Reads and checks a JSON body, or throws a 400 `invalid_body` as Auth0 words it. */
export async function readBody<TSchema extends v.GenericSchema>(
  c: Context,
  schema: TSchema,
): Promise<v.InferOutput<TSchema>> {
  let json: unknown;
  try {
    json = await c.req.json();
  } catch {
    throw new ManagementApiError(400, "Payload validation error: 'Invalid JSON'.", "invalid_body");
  }
  return check(json, schema, "Payload", "invalid_body");
}

/** Reads and checks the query string, or throws a 400 `invalid_query_string`. */
export function readQuery<TSchema extends v.GenericSchema>(
  c: Context,
  schema: TSchema,
): v.InferOutput<TSchema> {
  return check(c.req.query(), schema, "Query", "invalid_query_string");
}

function check<TSchema extends v.GenericSchema>(
  value: unknown,
  schema: TSchema,
  what: string,
  errorCode: string,
): v.InferOutput<TSchema> {
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue) ?? "";
  throw new ManagementApiError(
    400,
    `${what} validation error: '${issue.message}' on property ${path}.`,
    errorCode,
  );
}
