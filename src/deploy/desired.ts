import { ApiKeysError } from "../core/errors.ts";
import { sealOf, type Peppers } from "../core/peppers.ts";
import { TRIGGERS, type ActionBundle, type Trigger } from "./bundle.ts";
import { checkBundle } from "./check-bundle.ts";
import type { DeployConfig, IpThrottlingStage } from "./config.ts";
import { hashOfCode } from "./tenant-state.ts";

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
  /** The bundle, and a line that says by keyed fingerprints which secrets belong to it. */
  readonly code: string;
  readonly codeHash: string;
  readonly dependencies: ActionBundle["dependencies"];
  /** By name. The values go to Auth0 and nowhere else. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** The tenant as `deploy.config.ts` and the environment want it. */
export interface Desired {
  readonly name: string;
  readonly subjectTokenType: string;
  readonly apis: readonly { readonly identifier: string; readonly scopes: readonly Scope[] }[];
  readonly actions: Readonly<Record<Trigger, DesiredAction>>;
  readonly postLoginPosition: "first" | "last";
  readonly clients: readonly string[];
  readonly ipThrottling: IpThrottlingStage | undefined;
}

/** What the custom-token-exchange Action is given, by the names that it reads. */
export interface ActionSecrets {
  readonly API_KEY_PEPPER: string;
  readonly UPSTASH_REDIS_REST_URL: string;
  /** The read-only token, unless last uses are noted. */
  readonly UPSTASH_REDIS_REST_TOKEN: string;
}

/**
 * Puts together what the tenant shall be like. Every bundle is checked the way Auth0 will load it, since Auth0's own
 * build is no check. Throws `bundle_invalid` or `configuration_invalid`.
 */
export function desiredOf(
  config: DeployConfig,
  bundles: readonly ActionBundle[],
  secrets: ActionSecrets,
  peppers: Peppers,
): Desired {
  const actionOf = (trigger: Trigger): DesiredAction => {
    const bundle = bundles.find((one) => one.trigger === trigger);
    if (!bundle) throw new TypeError(`no bundle for "${trigger}"`);
    // The post-login Action reads no secret, so it is trusted with none.
    const given = trigger === "custom-token-exchange" ? { ...secrets } : {};
    refuseLongSecrets(given);
    const code = `${bundle.code}${fingerprintLine(given, peppers)}`;
    checkBundle({ ...bundle, code });
    const name = `${config.name}-${trigger}`;
    return {
      trigger,
      name,
      code,
      codeHash: hashOfCode(code),
      dependencies: bundle.dependencies,
      secrets: given,
    };
  };
  const [exchange, login] = TRIGGERS;
  return {
    name: config.name,
    subjectTokenType: config.subjectTokenType,
    apis: config.apis.map(({ identifier, scopes }) => ({
      identifier,
      scopes: scopes.map((value) => ({ value, description: config.scopeDescriptions[value] ?? "" })),
    })),
    actions: { [exchange]: actionOf(exchange), [login]: actionOf(login) },
    postLoginPosition: config.postLoginPosition,
    clients: config.clients,
    ipThrottling: config.ipThrottling,
  };
}

const FINGERPRINTS = /^\/\/ fingerprints: pepper ([A-Za-z0-9_-]{22}), secrets [A-Za-z0-9_-]{22}$/m;

/**
 * The line that tells later whether pepper and secrets are still the same, and reveals nothing of them: HMACs with a
 * key derived from the pepper.
 */
function fingerprintLine(secrets: Readonly<Record<string, string>>, peppers: Peppers): string {
  if (Object.keys(secrets).length === 0) return "";
  const all = JSON.stringify(Object.entries(secrets).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  const secretsPrint = sealOf(`deployed secrets ${all}`, peppers.current).slice(0, 22);
  return `// fingerprints: pepper ${pepperFingerprint(peppers)}, secrets ${secretsPrint}\n`;
}

/** 22 characters that tell two current peppers apart. */
export function pepperFingerprint(peppers: Peppers): string {
  return sealOf("deployed pepper", peppers.current).slice(0, 22);
}

/** The fingerprint of the pepper that an Action was deployed with, as its code says it. */
export function deployedPepperFingerprint(code: string): string | undefined {
  return FINGERPRINTS.exec(code)?.[1];
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
