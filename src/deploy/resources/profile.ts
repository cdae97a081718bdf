import { ApiKeysError } from "../../core/errors.ts";
import type { Change } from "../change.ts";
import type { Desired } from "../desired.ts";
import type { ManagementApi } from "../management-api.ts";
import { actionFor, type ProfileState, type TenantState } from "../tenant-state.ts";

/** Reads every profile of the tenant, with the names of their Actions. Needs `read:token_exchange_profiles`. */
export async function readProfiles(
  api: ManagementApi,
  actionNames: ReadonlyMap<string, string>,
): Promise<readonly ProfileState[]> {
  return api.ask("read the token exchange profiles", async () => {
    const all: ProfileState[] = [];
    for await (const one of await api.client.tokenExchangeProfiles.list({ take: 100 })) {
      const actionName = actionNames.get(one.action_id ?? "");
      all.push({
        id: one.id ?? "",
        name: one.name ?? "",
        subjectTokenType: one.subject_token_type ?? "",
        actionId: one.action_id ?? "",
        ...(actionName !== undefined && { actionName }),
      });
    }
    return all;
  });
}

/** Name and type of a profile can change, its Action cannot: then it is replaced, with a short outage. */
export function planProfile({ name, subjectTokenType }: Desired, current: TenantState): Change[] {
  const what = `token exchange profile ${subjectTokenType}`;
  const { profile } = current;
  if (!profile) {
    const effect = { kind: "create_profile", name, subjectTokenType } as const;
    return [{ sign: "+", what, why: ["does not exist"], effect }];
  }
  const { id } = profile;
  if (profile.actionId !== actionFor(current, "custom-token-exchange")?.id) {
    if (profile.actionName !== undefined) {
      throw new ApiKeysError(
        "deployment_conflict",
        `The subject_token_type ${subjectTokenType} is that of the profile "${profile.name}", whose Action is "${profile.actionName}".`,
        "Give this deployment a subjectTokenType of its own in deploy.config.ts, or remove that profile first.",
      );
    }
    const effect = { kind: "replace_profile", id, name, subjectTokenType } as const;
    const outage = "no key can be exchanged until the profile is made again, a second or so";
    return [
      { sign: "~", what, why: ["names an Action that is gone, which cannot be changed"], outage, effect },
    ];
  }
  const why = [
    ...(profile.name === name ? [] : [`name ${profile.name} → ${name}`]),
    ...(profile.subjectTokenType === subjectTokenType
      ? []
      : [`subject_token_type ${profile.subjectTokenType} → ${subjectTokenType}`]),
  ];
  const isTypeKept = profile.subjectTokenType === subjectTokenType;
  const outage = isTypeKept ? {} : { outage: `clients that send ${profile.subjectTokenType} are refused` };
  if (why.length === 0) return [];
  return [
    { sign: "~", what, why, ...outage, effect: { kind: "update_profile", id, name, subjectTokenType } },
  ];
}

/** Deletes our profile if it was not there, or makes it again as it was. What names another's Action is left alone. */
export function restoreProfile(target: TenantState, current: TenantState): Change[] {
  const ours = actionFor(current, "custom-token-exchange")?.id;
  const [now, before] = [current, target].map((state) => {
    const action = actionFor(state, "custom-token-exchange");
    return action && state.profile?.actionId === action.id ? state.profile : undefined;
  });
  if (!now && (!before || !ours || current.profile)) return [];
  const what = `token exchange profile ${(now ?? before)?.subjectTokenType ?? ""}`;
  if (now && !before) {
    const outage = "no key can be exchanged from now on";
    const effect = { kind: "delete_profile", id: now.id } as const;
    return [{ sign: "-", what, why: ["was not there before"], outage, effect }];
  }
  if (!before) return [];
  const { name, subjectTokenType } = before;
  if (!now) {
    const effect = { kind: "create_profile", name, subjectTokenType } as const;
    return [{ sign: "+", what, why: ["was there before"], effect }];
  }
  if (now.name === name && now.subjectTokenType === subjectTokenType) return [];
  const effect = { kind: "update_profile", id: now.id, name, subjectTokenType } as const;
  return [{ sign: "~", what, why: [`${name}, ${subjectTokenType} again`], effect }];
}

/** Makes a profile for a deployed Action. Needs `create:token_exchange_profiles`. */
export async function createProfile(
  api: ManagementApi,
  { name, subjectTokenType, actionId }: Omit<ProfileState, "id" | "actionName">,
): Promise<void> {
  await api.ask(`create the token exchange profile ${subjectTokenType}`, () =>
    api.client.tokenExchangeProfiles.create({
      name,
      subject_token_type: subjectTokenType,
      action_id: actionId,
      type: "custom_authentication",
    }),
  );
}

/** Changes what of a profile can change. Needs `update:token_exchange_profiles`. */
export async function updateProfile(
  api: ManagementApi,
  { id, name, subjectTokenType }: Omit<ProfileState, "actionId">,
): Promise<void> {
  await api.ask(`change the token exchange profile ${subjectTokenType}`, () =>
    api.client.tokenExchangeProfiles.update(id, { name, subject_token_type: subjectTokenType }),
  );
}

/** Deletes a profile, if it is there. Needs `delete:token_exchange_profiles`. */
export async function deleteProfile(api: ManagementApi, id: string): Promise<void> {
  await api.find("delete a token exchange profile", () => api.client.tokenExchangeProfiles.delete(id));
}
