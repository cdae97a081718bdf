import { SERVICE_USER_PERMISSIONS } from "../stores/service-users.ts";
import { PERMISSIONS } from "./permissions.ts";
import type { DeployConfig } from "./config.ts";
import { RUNTIME, type Desired } from "./desired.ts";
import type { ApiFacts, ClientFacts, Facts } from "./doctor-facts.ts";

/** Something that breaks exchanges (`error`), weakens them (`warning`), or could not be seen (`unknown`). */
export interface Finding {
  readonly level: "error" | "warning" | "unknown";
  readonly what: string;
  /** What to do, in one sentence. */
  readonly fix: string;
}

const MAX_PROFILES = 100;
const MAX_ACTIONS = 100;
const MAX_BINDINGS = 20;
const MAX_CLOCK_SKEW_SECONDS = 30;
const SHORT_LIFETIME_SECONDS = 3_600;
const EXCHANGES_A_SECOND = { Professional: 4, Enterprise: 15 };

/** What is wrong with a tenant, from what is known of it. Pure. Nothing wrong gives none. */
export function diagnose(
  facts: Facts,
  config: DeployConfig,
  desired: Desired,
  pepper: string,
): readonly Finding[] {
  return [
    ...permissions(facts, config),
    ...tenant(facts),
    ...facts.apis.flatMap((api) => resourceServer(api)),
    ...facts.clients.flatMap((client) => application(client, facts)),
    ...ipThrottling(facts),
    ...limits(facts, config, desired),
    ...store(facts, config, pepper),
  ];
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
  const findings: Finding[] = [];
  if (isEntitled === false) {
    findings.push({
      level: "error",
      what: "The tenant's plan does not include Custom Token Exchange.",
      fix: "Ask Auth0 for it: it is in early access on B2C and B2B Professional and Enterprise.",
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

function resourceServer({ identifier, dialect, lifetimeSeconds, skipsConsent }: ApiFacts): Finding[] {
  if (dialect === undefined || lifetimeSeconds === undefined) return [];
  const findings: Finding[] = [];
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

function limits(facts: Facts, { subjectTokenType }: DeployConfig, desired: Desired): Finding[] {
  const { actions, bindings, profileTypes } = facts;
  const names = Object.values(desired.actions).map(({ name }) => name);
  const existing = actions?.filter(({ name }) => names.includes(name)) ?? [];
  const full = (what: string, has: number | undefined, max: number, needs: number): Finding[] =>
    has === undefined || has + needs <= max
      ? []
      : [
          {
            level: "error",
            what: `The tenant has ${has} of ${max} ${what}.`,
            fix: "Remove one that is not used.",
          },
        ];
  const isBound = existing.length === names.length;
  return [
    ...full(
      "token exchange profiles",
      profileTypes?.length,
      MAX_PROFILES,
      profileTypes?.includes(subjectTokenType) ? 0 : 1,
    ),
    ...full("Actions", actions?.length, MAX_ACTIONS, names.length - existing.length),
    ...full("post-login bindings", bindings, MAX_BINDINGS, isBound ? 0 : 1),
    ...existing
      .filter(({ runtime }) => runtime !== RUNTIME)
      .map(({ name, runtime }): Finding => ({
        level: "warning",
        what: `The Action ${name} runs on ${runtime}.`,
        fix: `Apply again: it is deployed for ${RUNTIME} then.`,
      })),
  ];
}

function store({ deployedPepper, redis }: Facts, { lastUsed }: DeployConfig, pepper: string): Finding[] {
  const findings: Finding[] = [];
  if (deployedPepper !== undefined && deployedPepper !== pepper) {
    findings.push({
      level: "error",
      what: "The pepper here is not the one that the Action was deployed with: keys made here would not work.",
      fix: "Correct API_KEY_PEPPER, or apply if it was rotated on purpose (with the old one still in it).",
    });
  }
  if (redis.kind === "unreachable") {
    const fix = "Check UPSTASH_REDIS_REST_URL and the token that the Action gets.";
    return [...findings, { level: "error", what: "The Redis database does not answer.", fix }];
  }
  if (redis.canWrite && !lastUsed) {
    findings.push({
      level: "warning",
      what: "The Action's Redis token can write, and it only reads.",
      fix: "Set UPSTASH_REDIS_REST_READ_ONLY_TOKEN to the read-only token, then apply.",
    });
  }
  if (!redis.canWrite && lastUsed) {
    findings.push({
      level: "warning",
      what: "The Action's Redis token cannot write: no last use of a key is noted.",
      fix: "Set UPSTASH_REDIS_REST_TOKEN to the standard token, then apply; or set lastUsed: false.",
    });
  }
  if (redis.eviction === "on") {
    findings.push({
      level: "error",
      what: "Eviction is on in the Redis database: keys would be dropped at random.",
      fix: "Turn eviction off in the Upstash console.",
    });
  }
  if (redis.eviction === "unknown") {
    findings.push({
      level: "unknown",
      what: "Whether eviction is on in the Redis database cannot be read from here.",
      fix: "Look in the Upstash console: it must be off.",
    });
  }
  return findings;
}
