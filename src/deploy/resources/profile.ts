import type { Change } from "../change.ts";
import type { Desired } from "../desired.ts";
import type { ManagementApi } from "../management-api.ts";
import { actionFor, type ProfileState, type TenantState } from "../tenant-state.ts";

/** Reads the profile of a `subject_token_type`, or else the one of our Action. Needs `read:token_exchange_profiles`. */
export async function readProfile(
  api: ManagementApi,
  subjectTokenType: string,
  actionId: string | undefined,
): Promise<ProfileState | undefined> {
  const all = await readProfiles(api);
  return (
    all.find((profile) => profile.subjectTokenType === subjectTokenType) ??
    all.find((profile) => profile.actionId === actionId)
  );
}

/** Reads every profile of the tenant. */
async function readProfiles(api: ManagementApi): Promise<ProfileState[]> {
  return api.ask("read the token exchange profiles", async () => {
    const all: ProfileState[] = [];
    for await (const one of await api.client.tokenExchangeProfiles.list({ take: 100 })) {
      all.push({
        id: one.id ?? "",
        name: one.name ?? "",
        subjectTokenType: one.subject_token_type ?? "",
        actionId: one.action_id ?? "",
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
    const effect = { kind: "replace_profile", id, name, subjectTokenType } as const;
    const outage = "no key can be exchanged until the profile is made again, a second or so";
    return [{ sign: "~", what, why: ["names another Action, which cannot be changed"], outage, effect }];
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

/** Deletes a profile that was not there, or makes it again as it was. */
export function restoreProfile({ profile: before }: TenantState, { profile: now }: TenantState): Change[] {
  if (!before && !now) return [];
  const what = `token exchange profile ${(now ?? before)?.subjectTokenType ?? ""}`;
  if (!before && now) {
    const outage = "no key can be exchanged from now on";
    return [
      {
        sign: "-",
        what,
        why: ["was not there before"],
        outage,
        effect: { kind: "delete_profile", id: now.id },
      },
    ];
  }
  if (!before) return [];
  const { name, subjectTokenType, actionId } = before;
  const as = { name, subjectTokenType };
  if (!now) {
    return [
      { sign: "+", what, why: ["was there before"], effect: { kind: "create_profile", ...as, actionId } },
    ];
  }
  if (now.actionId !== actionId) {
    const outage = "no key can be exchanged until the profile is made again, a second or so";
    const effect = { kind: "replace_profile", id: now.id, ...as, actionId } as const;
    return [{ sign: "~", what, why: ["named another Action before"], outage, effect }];
  }
  if (now.name === name && now.subjectTokenType === subjectTokenType) return [];
  const effect = { kind: "update_profile", id: now.id, ...as } as const;
  return [{ sign: "~", what, why: [`${name}, ${subjectTokenType} again`], effect }];
}

/** Makes a profile for a deployed Action. Needs `create:token_exchange_profiles`. */
export async function createProfile(
  api: ManagementApi,
  { name, subjectTokenType, actionId }: Omit<ProfileState, "id">,
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
