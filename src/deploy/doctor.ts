import { SERVICE_USER_PERMISSIONS } from "../stores/service-users.ts";
import { PERMISSIONS } from "./permissions.ts";
import type { DeployConfig } from "./config.ts";
import { sharedWith } from "./conflicts.ts";
import { RUNTIME, type Desired } from "./desired.ts";
import type { ApiFacts, ClientFacts, Facts } from "./doctor-facts.ts";
import type { Checked, Finding } from "./finding.ts";
import { isExceeded, limitsOf } from "./limits.ts";
import { storeFindings } from "./store-checks.ts";
import { actionFor, type TenantState } from "./tenant-state.ts";

const MAX_CLOCK_SKEW_SECONDS = 30;
const SHORT_LIFETIME_SECONDS = 3_600;
const EXCHANGES_A_SECOND = { Professional: 4, Enterprise: 15 };

/** What of a tenant and a store is as it should be, from what is known of them. Pure. */
export function diagnose(
  facts: Facts,
  config: DeployConfig,
  desired: Desired,
  pepper: string,
): readonly Checked[] {
  const { apis, clients, current, store } = facts;
  return [
    checked("permissions of the application", permissions(facts, config)),
    checked("plan, MFA policy and clock of the tenant", tenant(facts)),
    checked("APIs", apis?.flatMap((api) => resourceServer(api, config)) ?? [notSeen("APIs")]),
    checked("deployment", deployment(facts)),
    checked("clients", clients?.flatMap((client) => application(client, facts)) ?? [notSeen("clients")]),
    checked("throttling of guesses", ipThrottling(facts)),
    checked("limits of the tenant", current ? limits(current, desired) : [notSeen("Actions and profiles")]),
    checked("other deployments", current ? others(current, desired) : [notSeen("other deployments")]),
    checked("pepper", current ? deployedPepper(current, pepper) : [notSeen("the deployed Action")]),
    checked("Redis database", [...storeFindings(store, desired, config.lastUsed), ...eviction(facts)]),
  ];
}

/** Whether something keeps exchanges from working. */
export function isProblem({ findings }: Checked): boolean {
  return findings.some(({ level }) => level === "error");
}

/** Whether something keeps exchanges from working that an application does not mend. */
export function isProblemAfterApply({ findings }: Checked): boolean {
  return findings.some(({ level, isMendedByApply }) => level === "error" && !isMendedByApply);
}

function checked(check: string, findings: readonly Finding[]): Checked {
  const has = (level: Finding["level"]) => findings.some((one) => one.level === level);
  const result = has("error")
    ? "problem"
    : has("warning")
      ? "warning"
      : has("unknown")
        ? "could not look"
        : "ok";
  return { check, result, findings };
}

function notSeen(what: string): Finding {
  const fix = "Grant the machine-to-machine application the permissions that docs/DEPLOY.md lists.";
  return { level: "unknown", what: `The tenant's ${what} could not be read.`, fix };
}

function permissions({ permissions }: Facts, { serviceUsers }: DeployConfig): Finding[] {
  const needed = [...Object.values(PERMISSIONS).flat(), ...(serviceUsers ? SERVICE_USER_PERMISSIONS : [])];
  const missing = [...new Set(needed)].filter((scope) => !permissions.includes(scope));
  if (missing.length === 0) return [];
  const what = `The machine-to-machine application lacks permissions: ${missing.join(" ")}`;
  const fix = "Grant exactly these on the Auth0 Management API (Applications, APIs tab).";
  return [{ level: "error", what, fix }];
}

function tenant({ isEntitled, mfaPolicies, clockSkewSeconds }: Facts): Finding[] {
  const findings: Finding[] = mfaPolicies ? [] : [notSeen("MFA policy")];
  if (isEntitled === false) {
    findings.push({
      level: "error",
      what: "The tenant's plan does not include Custom Token Exchange.",
      fix: "Ask Auth0 for it: B2C and B2B Professional and Enterprise have it.",
    });
  }
  if (mfaPolicies?.includes("all-applications")) {
    findings.push({
      level: "error",
      what: "The MFA policy is all-applications: an exchange with an actor is then refused.",
      fix: "Set the policy to never or adaptive, and demand MFA in a post-login Action for other protocols.",
    });
  }
  if (clockSkewSeconds !== undefined && Math.abs(clockSkewSeconds) > MAX_CLOCK_SKEW_SECONDS) {
    findings.push({
      level: "warning",
      what: `This machine's clock differs from the tenant's by ${Math.round(Math.abs(clockSkewSeconds))} seconds.`,
      fix: "Let it be set by NTP: keys made here expire by this clock.",
    });
  }
  return findings;
}

function resourceServer(
  { identifier, dialect, lifetimeSeconds, skipsConsent }: ApiFacts,
  { tokenLifetimesSeconds }: DeployConfig,
): Finding[] {
  if (dialect === undefined || lifetimeSeconds === undefined) return [];
  const what = `Tokens of the API ${identifier} live ${lifetimeSeconds} seconds: those of a revoked key too, unless a kill switch ends them.`;
  const findings: Finding[] = [{ level: "note", what, fix: "" }];
  const configured = tokenLifetimesSeconds[identifier];
  if (configured !== undefined && configured !== lifetimeSeconds) {
    findings.push({
      level: "error",
      what: `Tokens of the API ${identifier} live ${lifetimeSeconds} seconds, and the configuration says ${configured}.`,
      fix: "Run: npm run deploy -- apply",
      isMendedByApply: true,
    });
  }
  if (dialect.endsWith("_authz")) {
    findings.push({
      level: "error",
      what: `The API ${identifier} adds permissions to its tokens (${dialect}), which no Action can narrow to a key's scopes.`,
      fix: "Turn Add Permissions in the Access Token off, and let the API authorize on scope.",
    });
  }
  if (!skipsConsent) {
    findings.push({
      level: "error",
      what: `The API ${identifier} asks for consent, which an exchange cannot give.`,
      fix: "Run: npm run deploy -- apply",
      isMendedByApply: true,
    });
  }
  if (lifetimeSeconds < SHORT_LIFETIME_SECONDS) {
    const keys = (perSecond: number) => perSecond * lifetimeSeconds;
    findings.push({
      level: "warning",
      what: `Tokens of the API ${identifier} live ${lifetimeSeconds} seconds: at most ${keys(EXCHANGES_A_SECOND.Professional)} keys can be in use at once on Professional (4 exchanges a second), ${keys(EXCHANGES_A_SECOND.Enterprise)} on Enterprise (15).`,
      fix: "Give its tokens a longer life, or count the keys that are in use at once.",
    });
  }
  return findings;
}

function application(
  { clientId, isFirstParty, isOidcConformant }: ClientFacts,
  { connection }: Facts,
): Finding[] {
  const error = (what: string, fix: string): Finding => ({ level: "error", what, fix });
  if (isFirstParty === undefined) {
    return [
      error(`There is no client ${clientId}.`, "Create it, and put its client id into deploy.config.ts."),
    ];
  }
  return [
    ...(isFirstParty
      ? []
      : [error(`The client ${clientId} is third-party.`, "Use a first-party application for exchanges.")]),
    ...(isOidcConformant
      ? []
      : [
          error(`The client ${clientId} is not OIDC-conformant.`, "Turn OIDC Conformant on in its settings."),
        ]),
    ...(connection && !connection.clientIds.includes(clientId)
      ? [
          error(
            `The connection ${connection.name} is not enabled for the client ${clientId}.`,
            "Enable it in the application's Connections tab.",
          ),
        ]
      : []),
  ];
}

function ipThrottling({ ipThrottling }: Facts): Finding[] {
  if (!ipThrottling) return [];
  const { isEnabled, hasStage, allowlist } = ipThrottling;
  const warning = (what: string, fix: string): Finding => ({ level: "warning", what, fix });
  return [
    ...(isEnabled
      ? []
      : [warning("Suspicious-IP throttling is off: keys can be guessed at full speed.", "Turn it on.")]),
    ...(hasStage
      ? []
      : [
          warning(
            "Suspicious-IP throttling has no limit for exchanges.",
            "Set ipThrottling in deploy.config.ts, then apply.",
          ),
        ]),
    ...(allowlist.length > 0
      ? [
          warning(
            `${allowlist.length} addresses are exempt from throttling.`,
            "Keep only those on the list that you trust never to guess.",
          ),
        ]
      : []),
  ];
}

function limits(current: TenantState, desired: Desired): Finding[] {
  const full = limitsOf(desired, current).filter(isExceeded);
  return [
    ...full.map(({ what, has, most }): Finding => ({
      level: "error",
      what: `The tenant has ${has} of ${most} ${what}.`,
      fix: "Remove one that is not used.",
    })),
    ...current.actions
      .filter(({ deployed }) => deployed && deployed.runtime !== RUNTIME)
      .map(({ name, deployed }): Finding => ({
        level: "warning",
        what: `The Action ${name} runs on ${deployed?.runtime}.`,
        fix: `Apply again: it is deployed for ${RUNTIME} then.`,
      })),
  ];
}

/** What apply would change: the Actions, their binding, the profile, what an API or a client lacks. */
function deployment({ planned }: Facts): Finding[] {
  if (!planned) return [notSeen("deployment")];
  if ("refused" in planned) return [{ level: "error", what: planned.refused, fix: planned.fix }];
  const changes = planned.changes.map(({ what, why }): Finding => ({
    level: "error",
    what: `${what}: ${why.join("; ")}.`,
    fix: "Run: npm run deploy -- apply",
    isMendedByApply: true,
  }));
  return [...changes, ...planned.caveats.map((what): Finding => ({ level: "note", what, fix: "" }))];
}

function others({ neighbours }: TenantState, desired: Desired): Finding[] {
  return neighbours.map((neighbour): Finding => {
    const { name, mark } = neighbour;
    const shared = sharedWith(desired, neighbour);
    if (shared.length > 0) {
      const what = `The deployment "${name}" of this tenant has the same: ${shared.join(", ")}.`;
      const fix = `Give each its own. If "${name}" is what this deployment was called before, remove it: npm run deploy -- destroy, with name: "${name}".`;
      return { level: "error", what, fix };
    }
    return mark
      ? { level: "note", what: `The tenant also has the deployment "${name}".`, fix: "" }
      : {
          level: "warning",
          what: `The tenant also has the deployment "${name}", of an older version, which does not say what it uses.`,
          fix: "Apply it with this version, so that neither takes away what the other uses.",
        };
  });
}

function deployedPepper(current: TenantState, pepper: string): Finding[] {
  const deployed = actionFor(current, "custom-token-exchange")?.deployed?.fingerprints?.["pepper"];
  if (deployed === undefined || deployed === pepper) return [];
  return [
    {
      level: "error",
      what: "The pepper here is not the one that the Action was deployed with: keys made here would not work.",
      fix: "Correct API_KEY_PEPPER, or apply if it was rotated on purpose (with the old one still in it).",
      isMendedByApply: true,
    },
  ];
}

function eviction({ store }: Facts): Finding[] {
  if (store.standard !== "reached") return [];
  if (store.eviction === "on") {
    return [
      {
        level: "error",
        what: "Eviction is on in the Redis database: keys would be dropped at random.",
        fix: "Turn eviction off in the Upstash console.",
      },
    ];
  }
  if (store.eviction === "off") return [];
  return [
    {
      level: "unknown",
      what: "Whether eviction is on in the Redis database cannot be read from here.",
      fix: "Look in the Upstash console: it must be off.",
    },
  ];
}
