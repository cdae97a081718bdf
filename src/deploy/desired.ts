import {
  acceptedPrefixes,
  type Api,
  type DeployedDeployment,
  type DeploymentId,
} from "../core/deployment.ts";
import { ApiKeysError } from "../core/errors.ts";
import { sealOf, type Peppers } from "../core/peppers.ts";
import { bundleAction, type ActionBundle, type Trigger } from "./bundle.ts";
import { checkBundle } from "./check-bundle.ts";
import type { DeployConfig, IpThrottlingStage } from "./config.ts";
import { isMarkLine, markLine, storeIdOf, type Share } from "./mark.ts";
import { hashOfCode, type TenantState } from "./tenant-state.ts";

/** The runtime of the Actions: the newest that Auth0 offers. */
export const RUNTIME = "node22";
const MAX_SECRET_LENGTH = 4096;

/** A scope as Auth0's resource servers have it. */
export interface Scope {
  readonly value: string;
  readonly description: string;
}

/** An Action as it shall be. */
export interface DesiredAction {
  readonly trigger: Trigger;
  readonly name: string;
  /** The bundle, its deployment's mark, and a line that says by keyed fingerprints which secrets belong to it. */
  readonly code: string;
  readonly codeHash: string;
  readonly dependencies: ActionBundle["dependencies"];
  /** By name. The values go to Auth0 and nowhere else. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** Both Actions. */
export type DesiredActions = Readonly<Record<Trigger, DesiredAction>>;

/** What of a deployment stands in `deploy.config.ts` and the environment: all but its Actions' code. */
export interface Desired extends DeploymentId {
  readonly subjectTokenType: string;
  /** Every prefix that its keys may have. */
  readonly keyPrefixes: readonly string[];
  /** Tells its Redis database from others. */
  readonly store: string;
  readonly apis: readonly DesiredApi[];
  readonly actionNames: Readonly<Record<Trigger, string>>;
  readonly postLoginPosition: "first" | "last";
  readonly clients: readonly string[];
  readonly ipThrottling: IpThrottlingStage | undefined;
}

/** An API as it shall be; other scopes of it stay. */
export interface DesiredApi {
  readonly identifier: string;
  readonly scopes: readonly Scope[];
  readonly tokenLifetimeSeconds?: number;
}

/** What the custom-token-exchange Action is given, by the names that it reads. */
export interface ActionSecrets {
  readonly API_KEY_PEPPER: string;
  readonly UPSTASH_REDIS_REST_URL: string;
  /** The read-only token, unless last uses are noted. */
  readonly UPSTASH_REDIS_REST_TOKEN: string;
}

/** What a configuration wants of a tenant. */
export function desiredOf(config: DeployConfig, tenant: string, redisUrl: string): Desired {
  const { name, subjectTokenType, apis, tokenLifetimesSeconds, postLoginPosition, clients } = config;
  return {
    tenant,
    name,
    subjectTokenType,
    keyPrefixes: acceptedPrefixes(config),
    store: storeIdOf(redisUrl),
    apis: apis.map(({ identifier, scopes, scopeDescriptions }) => {
      const seconds = tokenLifetimesSeconds[identifier];
      return {
        identifier,
        scopes: scopes.map((value) => ({ value, description: scopeDescriptions?.[value] ?? "" })),
        ...(seconds !== undefined && { tokenLifetimeSeconds: seconds }),
      };
    }),
    actionNames: {
      "custom-token-exchange": `${name}-custom-token-exchange`,
      "post-login": `${name}-post-login`,
    },
    postLoginPosition,
    clients,
    ipThrottling: config.ipThrottling,
  };
}

/** What a deployment uses of what may be shared. */
export function usesOf({ apis, clients, ipThrottling }: Desired): readonly Share[] {
  return [
    ...apis.flatMap(({ identifier: of, scopes, tokenLifetimeSeconds: seconds }): Share[] => [
      { kind: "api", of },
      { kind: "consent", of },
      ...scopes.map(({ value }) => ({ kind: "scope" as const, of, scope: value })),
      ...(seconds === undefined ? [] : [{ kind: "lifetime" as const, of, seconds }]),
    ]),
    ...clients.map((clientId) => ({ kind: "client" as const, of: clientId })),
    ...(ipThrottling ? [{ kind: "throttling" as const, ...ipThrottling }] : []),
  ];
}

/** What the code of a deployment's Actions is made of. */
export interface ActionSources {
  readonly config: DeployConfig;
  readonly secrets: ActionSecrets;
  readonly peppers: Peppers;
  /** Whether entries of before deployments had names are still to be taken over. */
  readonly takesOver: boolean;
}

/**
 * Makes the Actions for a tenant as it is: they know which scopes of its APIs are not theirs, and their mark says what was
 * given. Every bundle is checked the way Auth0 will load it, since Auth0's own build is no check. Throws `bundle_invalid`
 * or `configuration_invalid`.
 */
export async function makeActions(
  { config, secrets, peppers, takesOver }: ActionSources,
  desired: Desired,
  current: TenantState,
  gave: readonly Share[],
): Promise<DesiredActions> {
  const { tenant, name, subjectTokenType, keyPrefixes, store } = desired;
  const deployed: DeployedDeployment = {
    ...config,
    tenant,
    apis: config.apis.map((api) => ({ ...api, otherScopes: otherScopesOf(api, current) })),
    ...(takesOver && { takesOver }),
  };
  const mark = markLine({ tenant, name, subjectTokenType, keyPrefixes, store, uses: usesOf(desired), gave });
  const actionOf = async (trigger: Trigger): Promise<DesiredAction> => {
    const bundle = await bundleAction(trigger, deployed);
    // The post-login Action reads no secret, so it is trusted with none.
    const given = trigger === "custom-token-exchange" ? { ...secrets } : {};
    refuseLongSecrets(given);
    const code = `${bundle.code}${mark}${fingerprintLine(given, peppers)}`;
    checkBundle({ ...bundle, code });
    const { dependencies } = bundle;
    return {
      trigger,
      name: desired.actionNames[trigger],
      code,
      codeHash: hashOfCode(code),
      dependencies,
      secrets: given,
    };
  };
  const [exchange, login] = await Promise.all([actionOf("custom-token-exchange"), actionOf("post-login")]);
  return { "custom-token-exchange": exchange, "post-login": login };
}

/** The scopes that a tenant's API has and the deployment does not name, in the order of their names. */
function otherScopesOf({ identifier, scopes }: Api, { apis }: TenantState): readonly string[] {
  const all = apis.find((one) => one.identifier === identifier)?.scopes ?? [];
  return all
    .map(({ value }) => value)
    .filter((value) => !scopes.includes(value))
    .toSorted();
}

const BEGINNING = "// fingerprints: ";

/**
 * The line that tells later whether the pepper and each secret are still the same, and reveals nothing of them: HMACs
 * with a key derived from the pepper.
 */
function fingerprintLine(secrets: Readonly<Record<string, string>>, peppers: Peppers): string {
  if (Object.keys(secrets).length === 0) return "";
  const prints = Object.entries(secrets)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `, ${name} ${print(`deployed secret ${name} ${value}`, peppers)}`);
  return `${BEGINNING}pepper ${pepperFingerprint(peppers)}${prints.join("")}\n`;
}

/** 22 characters that tell two current peppers apart. */
export function pepperFingerprint(peppers: Peppers): string {
  return print("deployed pepper", peppers);
}

function print(text: string, peppers: Peppers): string {
  return sealOf(text, peppers.current).slice(0, 22);
}

/** The fingerprints in an Action's code, by the name of what each is of. */
export function fingerprintsOf(code: string): Readonly<Record<string, string>> {
  const line = code.split("\n").findLast((one) => one.startsWith(BEGINNING));
  return Object.fromEntries(
    (line?.slice(BEGINNING.length) ?? "")
      .split(", ")
      .map((one) => one.split(" "))
      .filter((pair): pair is [string, string] => pair.length === 2),
  );
}

/** An Action's code without the lines that say whose it is and with which secrets. */
export function bodyOf(code: string): string {
  return code
    .split("\n")
    .filter((line) => !line.startsWith(BEGINNING) && !isMarkLine(line))
    .join("\n");
}

function refuseLongSecrets(secrets: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(secrets)) {
    if (value.length > 0 && value.length <= MAX_SECRET_LENGTH) continue;
    throw new ApiKeysError(
      "configuration_invalid",
      `The secret ${name} has ${value.length} characters, and an Action's secret has 1 to ${MAX_SECRET_LENGTH}.`,
      "Drop retired peppers whose keys are all rotated, or check what is in the environment.",
    );
  }
}
