import { randomBytes } from "node:crypto";

import { isObject } from "../../core/key-entry.ts";
import type { Tenant } from "../tenant.ts";
import type { User } from "../tenant-objects.ts";
import { newUser } from "./users.ts";

/** Why a user of an import was not taken, as `GET /jobs/{id}/errors` lists it. */
export interface ImportFailure {
  readonly user: unknown;
  readonly errors: readonly { readonly code: string; readonly message: string }[];
}

/** What became of the users of an import. */
export interface ImportedUsers {
  readonly summary: {
    readonly failed: number;
    readonly updated: number;
    readonly inserted: number;
    readonly total: number;
  };
  readonly failures: readonly ImportFailure[];
}

/** Imports users as Auth0's bulk import does: with `upsert`, a user's `app_metadata` is overwritten, not merged. */
export function importUsers(tenant: Tenant, users: readonly unknown[], upsert: boolean): ImportedUsers {
  let [updated, inserted] = [0, 0];
  const failures: ImportFailure[] = [];
  const byEmail = new Map([...tenant.users.values()].map((user) => [user["email"], user]));
  for (const given of users) {
    const problem = problemOf(given);
    if (problem !== undefined || !isObject(given)) {
      failures.push(failure(given, "OBJECT_REQUIRED", problem ?? "Expected an object"));
      continue;
    }
    const local = typeof given["user_id"] === "string" ? given["user_id"] : randomBytes(12).toString("hex");
    const existing = tenant.users.get(`auth0|${local}`) ?? byEmail.get(given["email"]);
    if (existing && !upsert) {
      failures.push(failure(given, "DUPLICATED_USER", "Duplicated user"));
      continue;
    }
    const user: User = existing
      ? {
          ...existing,
          ...given,
          user_id: existing.user_id,
          updated_at: new Date(tenant.nowMs()).toISOString(),
        }
      : newUser(tenant, `auth0|${local}`, given);
    tenant.users.set(user.user_id, user);
    byEmail.set(user["email"], user);
    if (existing) updated++;
    else inserted++;
  }
  const failed = failures.length;
  return { summary: { failed, updated, inserted, total: users.length }, failures };
}

function problemOf(given: unknown): string | undefined {
  if (!isObject(given)) return "Expected an object";
  return typeof given["email"] === "string" ? undefined : "Missing required property: email";
}

function failure(user: unknown, code: string, message: string): ImportFailure {
  return { user, errors: [{ code, message }] };
}
