import { constants } from "node:fs";
import { link, lstat, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";

import { checkOptions, optional, FUNCTION, TEXT } from "../core/check-options.ts";
import { openToken, sealToken } from "./sealed-token.ts";
import { isHeld, type CacheSlot, type TokenCache } from "./token-cache.ts";

/** What a file cache may be told. */
export interface FileTokenCacheOptions {
  /** A folder of the user's own, which is made if need be: {@link defaultCacheFolder}. */
  readonly folder: string;
  readonly nowMs?: () => number;
}

const MAX_FILE_BYTES = 64 * 1024;

/** `$XDG_CACHE_HOME/auth0-api-keys`, or `~/.cache/auth0-api-keys`. */
export function defaultCacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  // The XDG specification: a path that is not absolute is to be ignored.
  const base = env["XDG_CACHE_HOME"]?.startsWith("/") ? env["XDG_CACHE_HOME"] : undefined;
  return join(base ?? join(env["HOME"] ?? homedir(), ".cache"), "auth0-api-keys");
}

/**
 * Tokens in files of the user, for command-line programs: sealed, the folder 0700, each file 0600 and replaced as a
 * whole. Rejects where the folder or a file is a symbolic link, belongs to another user, or is open to others.
 */
export function fileTokenCache(options: FileTokenCacheOptions): TokenCache {
  checkOptions<FileTokenCacheOptions>("fileTokenCache", options, { folder: TEXT, nowMs: optional(FUNCTION) });
  const { folder, nowMs = Date.now } = options;
  const fileOf = ({ name }: CacheSlot) => join(folder, `${name}.jwe`);
  return {
    async get(slot, besides) {
      const sealed = await readOwn(folder, fileOf(slot));
      const token = sealed === undefined ? undefined : await openToken(slot, sealed);
      if (!token || token.access_token === besides?.access_token) return undefined;
      if (token.expiresAtSeconds * 1000 > nowMs()) return token;
      await rm(fileOf(slot), { force: true });
      return undefined;
    },
    async set(slot, token) {
      await ownFolder(folder);
      const sealed = await sealToken(slot, token);
      await withPassingFile(folder, sealed, async (passing) => rename(passing, fileOf(slot)));
    },
    async delete(slot) {
      await rm(fileOf(slot), { force: true });
    },
    async tryLock(slot, leaseMs) {
      await ownFolder(folder);
      const file = join(folder, `${slot.name}.lock`);
      const takenAtMs = performance.now();
      const isTaken = await withPassingFile(folder, String(nowMs() + leaseMs), async (passing) =>
        // A link is made with its content or not at all, and fails where there is one.
        link(passing, file).then(
          () => true,
          (error: NodeJS.ErrnoException) => (error.code === "EEXIST" ? false : Promise.reject(error)),
        ),
      );
      if (!isTaken) {
        // Left by a process that ended in between. Of two that see it at once both may go on: one exchange more, no harm.
        const endsAtMs = Number(await readOwn(folder, file));
        if (!isHeld(endsAtMs, nowMs(), leaseMs)) await rm(file, { force: true });
        return undefined;
      }
      return async () => {
        // After the lease it may be another's.
        if (performance.now() - takenAtMs < leaseMs) await rm(file, { force: true });
      };
    },
  };
}

/** Runs `use` with a new file of this content, which is gone afterwards unless it was renamed. */
async function withPassingFile<T>(
  folder: string,
  content: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const path = join(folder, `.${crypto.randomUUID()}`);
  try {
    await writeFile(path, content, { mode: 0o600, flag: "wx" });
    return await use(path);
  } finally {
    await rm(path, { force: true });
  }
}

async function ownFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await checkFolder(folder);
}

async function checkFolder(folder: string): Promise<void> {
  const found = await lstat(folder);
  if (!found.isDirectory()) throw new Error(`"${folder}" must be a directory and no symbolic link`);
  refuseForeign(folder, found);
}

async function readOwn(folder: string, path: string): Promise<string | undefined> {
  try {
    await checkFolder(folder);
    // Opened first and looked at then: what is looked at is what is read.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const found = await file.stat();
      if (!found.isFile() || found.size > MAX_FILE_BYTES) throw new Error(`"${path}" must be a small file`);
      refuseForeign(path, found);
      return await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function refuseForeign(path: string, { uid, mode }: { readonly uid: number; readonly mode: number }): void {
  const own = userInfo().uid;
  // -1 on systems without user ids, whose profile folders are private already.
  if (own === -1) return;
  if (uid !== own) throw new Error(`"${path}" must belong to this user`);
  if ((mode & 0o077) !== 0) throw new Error(`"${path}" must not be open to others (chmod go= it)`);
}
