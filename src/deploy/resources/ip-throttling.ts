import type { Change } from "../change.ts";
import type { IpThrottlingStage } from "../config.ts";
import type { Desired } from "../desired.ts";
import type { ManagementApi } from "../management-api.ts";
import type { Share } from "../mark.ts";
import { has } from "../shares.ts";
import type { TenantState } from "../tenant-state.ts";

const STAGE = "pre-custom-token-exchange";

/** Reads the throttling of exchanges. Needs `read:attack_protection`. */
export async function readIpThrottling(api: ManagementApi): Promise<IpThrottlingStage | undefined> {
  const { stage } = await api.ask("read the suspicious-IP throttling", () =>
    api.client.attackProtection.suspiciousIpThrottling.get(),
  );
  const { max_attempts, rate } = stage?.[STAGE] ?? {};
  if (max_attempts === undefined || rate === undefined) return undefined;
  return { maxAttempts: max_attempts, regainMs: rate };
}

/** The throttling is changed only where it is configured. */
export function planIpThrottling({ ipThrottling: wanted }: Desired, current: TenantState): Change[] {
  const { ipThrottling: before } = current;
  if (!wanted || (before?.maxAttempts === wanted.maxAttempts && before.regainMs === wanted.regainMs))
    return [];
  const text = (one: IpThrottlingStage) =>
    `${one.maxAttempts} attempts, one regained every ${one.regainMs} ms`;
  const why = [`${before ? text(before) : "not set"} → ${text(wanted)}`];
  const effect = { kind: "set_ip_throttling", stage: wanted } as const;
  return [{ sign: "~", what: "IP throttling of exchanges", why, effect }];
}

/** The throttling as it was before it was set. */
export function takeIpThrottling(gifts: readonly Share[], current: TenantState): Change[] {
  return current.ipThrottling ? giveBackIpThrottling(gifts, current) : [];
}

/** The throttling as a deployment had set it. */
export function giveBackIpThrottling(shares: readonly Share[], current: TenantState): Change[] {
  const share = shares.find(({ kind }) => kind === "throttling");
  if (share?.kind !== "throttling" || has(current, share)) return [];
  const stage = { maxAttempts: share.maxAttempts, regainMs: share.regainMs };
  const effect = { kind: "set_ip_throttling", stage } as const;
  return [{ sign: "~", what: "IP throttling of exchanges", why: ["as before"], effect }];
}

/** Sets the stage of exchanges; Auth0 merges stages. Needs `update:attack_protection`. */
export async function setIpThrottling(api: ManagementApi, stage: IpThrottlingStage): Promise<void> {
  const limits = { max_attempts: stage.maxAttempts, rate: stage.regainMs };
  await api.ask("change the suspicious-IP throttling", () =>
    api.client.attackProtection.suspiciousIpThrottling.update({ stage: { [STAGE]: limits } }),
  );
}
