import type { Management } from "auth0";

import { ApiKeysError } from "../../core/errors.ts";
import type { ManagementApi } from "../management-api.ts";

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 5_000;
const BOUND_MS = 360_000;

/**
 * Waits until an Action's draft is built, deploys it, and waits until the deployed version is the new one. Throws
 * `action_build_failed` with what the build says, or `action_not_deployed` after six minutes; the version that ran
 * before then still runs.
 */
export async function deployDraft(api: ManagementApi, id: string, name: string): Promise<void> {
  await waitFor(api, id, name, "is not built", async ({ status }) => {
    if (status === "failed") throw await buildFailure(api, id, name);
    return status === "built";
  });
  const version = await api.ask(`deploy the Action ${name}`, () => api.client.actions.deploy(id));
  await waitForVersion(api, id, name, version.id);
}

/** Deploys a copy of an older version, draft included. The copy has that version's secrets. */
export async function deployVersion(
  api: ManagementApi,
  id: string,
  versionId: string,
  name: string,
): Promise<void> {
  const version = await api.ask(`deploy an older version of the Action ${name}`, () =>
    api.client.actions.versions.deploy(id, versionId, { update_draft: true }),
  );
  await waitForVersion(api, id, name, version.id);
}

async function waitForVersion(
  api: ManagementApi,
  id: string,
  name: string,
  versionId: string | undefined,
): Promise<void> {
  await waitFor(
    api,
    id,
    name,
    "does not show the deployed version",
    async ({ deployed_version }) =>
      deployed_version?.id === versionId && deployed_version?.status === "built",
  );
}

async function waitFor(
  api: ManagementApi,
  id: string,
  name: string,
  problem: string,
  isReady: (action: Management.GetActionResponseContent) => Promise<boolean>,
): Promise<void> {
  const { nowMs, sleep } = api.clock;
  const untilMs = nowMs() + BOUND_MS;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(MAX_DELAY_MS, delayMs * 2)) {
    if (await isReady(await api.ask(`read the Action ${name}`, () => api.client.actions.get(id)))) return;
    if (nowMs() + delayMs > untilMs) {
      throw new ApiKeysError(
        "action_not_deployed",
        `The Action ${name} still ${problem} after ${BOUND_MS / 60_000} minutes.`,
        "Look at it in the Auth0 dashboard, then run the same command again.",
      );
    }
    await sleep(delayMs);
  }
}

/** The Action itself carries no reason; its versions do. */
async function buildFailure(api: ManagementApi, id: string, name: string): Promise<ApiKeysError> {
  const { data } = await api.ask(`read the versions of the Action ${name}`, () =>
    api.client.actions.versions.list(id, { per_page: 100 }),
  );
  const failed = data.find((version) => (version.errors ?? []).length > 0);
  const said = (failed?.errors ?? []).map(({ msg }) => msg ?? "").join(" ");
  return new ApiKeysError(
    "action_build_failed",
    `Auth0 could not build the Action ${name}. ${said === "" ? "It gave no reason." : `It said: ${said}`}`,
    "The version that ran before still runs. Correct what the build names, then apply again.",
  );
}
