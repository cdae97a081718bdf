import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { ApiKeysError } from "../core/errors.ts";
import type { Io } from "./io.ts";

/** How a running local tenant is found: what `npm start` wrote, for `--local`. */
export interface LocalFile {
  readonly issuer: string;
  readonly token_endpoint: string;
  readonly subject_token_type: string;
  readonly client_id: string;
  readonly audience: string;
  readonly management_api: string;
  readonly management_client_id: string;
  readonly management_client_secret: string;
  readonly redis_rest_url: string;
  readonly redis_rest_token: string;
  readonly redis_rest_read_only_token: string;
  readonly api_key_pepper: string;
}

/** The folder of the local tenant: `.local`, or `LOCAL_TENANT_DIR`. */
export function localFolder(env: Io["env"]): string {
  return env["LOCAL_TENANT_DIR"] ?? ".local";
}

/** Reads where the local tenant is. Throws `configuration_invalid` if none was started. */
export async function readLocalFile(env: Io["env"]): Promise<LocalFile> {
  const file = join(localFolder(env), "tenant.json");
  try {
    return JSON.parse(await readFile(file, "utf8")) as LocalFile;
  } catch (error) {
    throw new ApiKeysError(
      "configuration_invalid",
      `No local tenant is running: there is no ${file}.`,
      "Start one in another terminal: npm start",
      error,
    );
  }
}

/** Writes where the local tenant is, readable by the user alone: its secrets are in it. */
export async function writeLocalFile(env: Io["env"], content: LocalFile): Promise<void> {
  const folder = localFolder(env);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, "tenant.json"), `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
}

/** Changes the pepper of the local tenant: of the one that runs, and of the next that is started. */
export async function writeLocalPepper(env: Io["env"], pepper: string): Promise<void> {
  await writeLocalFile(env, { ...(await readLocalFile(env)), api_key_pepper: pepper });
  await writeFile(localPepperFile(env), `${pepper}\n`, { mode: 0o600 });
}

/** Where the pepper of the local tenant is kept. */
export function localPepperFile(env: Io["env"]): string {
  return join(localFolder(env), "pepper");
}

/** Forgets a local tenant that has ended. */
export async function removeLocalFile(env: Io["env"]): Promise<void> {
  await rm(join(localFolder(env), "tenant.json"), { force: true });
}
