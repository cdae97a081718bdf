import { isDeepStrictEqual } from "node:util";

import { ApiKeysError, type ApiKeysErrorCode } from "../core/errors.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import type { Keys } from "./keys.ts";

/** One change of a key, done or failed, as a line of the audit log. Never a secret, never a hash. */
export interface AuditEvent {
  /** ISO 8601. */
  readonly time: string;
  /** The tenant's own domain, and the deployment's name. */
  readonly tenant: string;
  readonly deployment: string;
  /** Who did it, as the program that holds the `Keys` names itself. */
  readonly actor: string;
  readonly operation: string;
  /** `null` for what concerns no single user. */
  readonly user_id: string | null;
  readonly key_id: string | null;
  /** The names of what was changed. */
  readonly changes: readonly string[];
  readonly outcome: "done" | ApiKeysErrorCode | "unexpected";
}

/** What an audited piece of work is about. */
export interface AuditSubject {
  readonly operation: string;
  readonly userId?: string;
  readonly keyId?: string;
}

/** Runs a change and writes its line, whether it is done or failed. Throws what the change throws. */
export async function audited<T>(
  keys: Keys,
  { operation, userId, keyId }: AuditSubject,
  work: () => Promise<T>,
  describe: (result: T) => { readonly keyId?: string; readonly changes: readonly string[] },
): Promise<T> {
  const write = (outcome: AuditEvent["outcome"], id: string | undefined, changes: readonly string[]) => {
    const event: AuditEvent = {
      time: new Date(keys.nowSeconds() * 1000).toISOString(),
      tenant: keys.deployment.tenant,
      deployment: keys.deployment.name,
      actor: keys.actor,
      operation,
      user_id: userId ?? null,
      key_id: id ?? null,
      changes,
      outcome,
    };
    try {
      keys.audit(event);
    } catch {
      // What was done is done, and what is still to be ended must be: a log that is full keeps nothing from that.
      process.stderr.write(`${JSON.stringify(event)}\n`);
    }
  };
  try {
    const result = await work();
    const described = describe(result);
    write("done", described.keyId ?? keyId, described.changes);
    return result;
  } catch (error) {
    write(error instanceof ApiKeysError ? error.code : "unexpected", keyId, []);
    throw error;
  }
}

/** The names of the fields that differ between two states of a key, `secret` for a new hash. */
export function changesBetween(before: Partial<KeyEntry>, after: Partial<KeyEntry>): readonly string[] {
  const fields = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof KeyEntry>;
  fields.delete("v");
  return [...fields]
    .filter((field) => !isDeepStrictEqual(before[field], after[field]))
    .map((field) => (field === "hash" ? "secret" : field === "previous" ? "previous_secret" : field));
}
