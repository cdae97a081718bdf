import type { RandomBytes } from "../core/base62.ts";
import type { Deployment } from "../core/deployment.ts";
import type { Peppers } from "../core/peppers.ts";
import type { Policy } from "../core/policy.ts";
import type { RedisKeyBatches } from "../stores/redis-key-batches.ts";
import type { RedisKeyUses } from "../stores/redis-key-uses.ts";
import type { RedisKeyStore } from "../stores/redis-key-store.ts";
import type { ServiceUsers } from "../stores/service-users.ts";
import type { UserKeyStore } from "../stores/user-key-store.ts";
import type { ExportUsers } from "../stores/user-export.ts";
import type { UserRights } from "../stores/user-rights.ts";
import type { UserLock } from "../stores/user-lock.ts";
import type { AuditEvent } from "./audit.ts";

/** Everything that an operation on keys works with; nothing in `src/keys` reaches for anything else. */
export interface Keys {
  readonly users: UserKeyStore;
  readonly exportUsers: ExportUsers;
  readonly records: RedisKeyStore & RedisKeyBatches;
  readonly uses: RedisKeyUses;
  readonly lock: UserLock;
  readonly rights: UserRights;
  /** Absent where no connection for them is configured. */
  readonly serviceUsers?: ServiceUsers;
  readonly deployment: Deployment;
  readonly policy: Policy;
  readonly peppers: Peppers;
  readonly randomBytes: RandomBytes;
  readonly nowSeconds: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** The bound of one request to either store, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** Who changes keys, for the audit log. */
  readonly actor: string;
  /** Gets a line for every change, done or failed. */
  readonly audit: (event: AuditEvent) => void;
}
