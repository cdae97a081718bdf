import type { Tenant } from "../../../src/local/tenant.ts";
import { AUDIENCE, CLIENT_ID, OTHER_AUDIENCE, OTHER_CLIENT_ID } from "../../support/stage.ts";

/** One part of a tenant: what the table tells of it, all the rest of it to the last byte, and which object it is. */
interface Part {
  readonly text: string;
  readonly rest: string;
  readonly id?: string;
}

/** A tenant as a map of parts: all of its state but its logs, and but when our own objects were made. */
export type View = ReadonlyMap<string, Part>;

/** What a value of a secret is called in the table. */
export type NameOfSecret = (value: string) => string;

const SHORT: Readonly<Record<string, string>> = {
  [AUDIENCE]: "acme",
  [OTHER_AUDIENCE]: "billing",
  [CLIENT_ID]: "client 1",
  [OTHER_CLIENT_ID]: "client 2",
  "api-keys-custom-token-exchange": "exchange",
  "api-keys-post-login": "login",
  "urn:acme:api-key": "acme",
  custom_authentication: "custom",
  on_behalf_of_token_exchange: "on-behalf",
};
const short = (name: string) => SHORT[name] ?? name;
const SECRETS = ["API_KEY_PEPPER", "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"];
const REDIS = "@upstash/redis@1.39.0";
const MARK = "// deployment: ";
const OURS = new Set(["api-keys-custom-token-exchange", "api-keys-post-login"]);
const exactly = (value: unknown) => JSON.stringify(value);

/** Looks at all of a tenant. */
export function view(tenant: Tenant, nameOfSecret: NameOfSecret): View {
  const parts = new Map<string, Part>();
  const nameOf = (id: string) => short(tenant.actionStates.get(id)?.name ?? "nothing");
  for (const api of tenant.resourceServers.values()) {
    const { id = "", identifier, scopes, scope_descriptions, token_lifetime, ...more } = api;
    const { skip_consent_for_verifiable_first_party_clients: isConsentSkipped, ...rest } = more;
    const described = scopes.map((scope) => {
      const said = scope_descriptions?.[scope] ?? "";
      return said === "" ? scope : `${scope}=${said}`;
    });
    const consent = isConsentSkipped ? "no consent" : "consent";
    const text = `${described.join(" ") || "no scopes"}, ${token_lifetime} s, ${consent}`;
    parts.set(`API ${short(identifier)}`, { text, rest: exactly(rest), id });
  }
  const marks: (readonly [string, Mark])[] = [];
  for (const action of tenant.actionStates.values()) {
    const { id, name, draft, versions, deployed } = action;
    if (!OURS.has(name)) {
      parts.set(`Action ${name}`, {
        text: "of others",
        rest: exactly([action, tenant.actions.get(id)]),
        id,
      });
      continue;
    }
    const whole = (one: Source | undefined) =>
      one && exactly([one.code, one.dependencies, one.runtime, one.secrets]);
    const told = (one: Source, number = Infinity) => {
      const earlier = versions.find((version) => version.number < number && whole(version) === whole(one));
      const whose = earlier ? `as v${earlier.number}` : one.code.includes(MARK) ? "ours" : "theirs";
      return `${whose}${unusual(short(name), one, nameOfSecret)}`;
    };
    const version = deployed?.version;
    const running = version ? `v${version.number} ${told(version, version.number)}` : "nothing runs";
    const drafted = whole(draft) === whole(version) ? "" : `, draft ${told(draft)}`;
    const runs = tenant.actions.get(id)?.version;
    const secrets = Object.fromEntries((version?.secrets ?? []).map((one) => [one.name, one.value]));
    const isRun = runs?.code === version?.code && exactly(runs?.secrets ?? {}) === exactly(secrets);
    const text = `${running}${drafted}${isRun ? "" : ", WHICH DOES NOT RUN"}`;
    // All of it is ours to change; what is told is all that counts.
    parts.set(`Action ${short(name)}`, { text, rest: "", id });
    const mark = markOf(version?.code ?? draft.code);
    if (mark) marks.push([short(name), mark]);
  }
  for (const field of ["uses", "gave", "others"] as const) {
    const texts = marks.map(([, mark]) => mark[field]);
    const isOne = new Set(texts).size === 1;
    const text = isOne
      ? (texts[0] ?? "")
      : marks.map(([name, mark]) => `${name}: ${mark[field]}`).join(" | ");
    if (text !== "") parts.set(`mark ${field}`, { text, rest: "" });
  }
  const bound = tenant.postLoginBindings.map(({ action_id, display_name }) => ({
    isOurs: OURS.has(display_name),
    name: nameOf(action_id),
    display_name,
  }));
  parts.set("bindings", {
    text: bound.map(({ name }) => name).join(", ") || "none",
    rest: exactly(bound.filter(({ isOurs }) => !isOurs)),
  });
  for (const { id, name, subject_token_type, action_id, ...profile } of tenant.profiles.values()) {
    const text = `${name} → ${nameOf(action_id)}`;
    const isOurs = OURS.has(tenant.actionStates.get(action_id)?.name ?? "");
    const rest = exactly(isOurs ? profile.type : profile);
    parts.set(`profile ${short(subject_token_type)}`, { text, rest, id });
  }
  for (const client of tenant.clients.values()) {
    const types = client.token_exchange?.allow_any_profile_of_type;
    const text = types ? `[${types.map(short).join(" ")}]` : "no list";
    parts.set(short(client.client_id), { text, rest: exactly({ ...client, token_exchange: undefined }) });
  }
  const { stage, ...throttling } = tenant.ipThrottling;
  const { "pre-custom-token-exchange": exchanges, ...stages } = stage;
  parts.set("throttling", {
    text: `${exchanges.max_attempts} / ${exchanges.rate} ms`,
    rest: exactly([throttling, stages]),
  });
  const rest = {
    grants: tenant.clientGrants,
    users: [...tenant.users.values()],
    organizations: [...tenant.organizations.values()],
    connections: [...tenant.connections.values()].map(({ enabledClients, ...one }) => [
      one,
      ...enabledClients,
    ]),
    roles: [tenant.roles, tenant.userRoles, tenant.userPermissions].map((map) => [...map]),
    guardian: tenant.guardianPolicies,
    settings: tenant.settings,
  };
  parts.set("all else", { text: "grants, users, organizations, …", rest: exactly(rest) });
  return parts;
}

/** What differs between two looks at a tenant, a line a part: nothing else differs by a byte. */
export function changesBetween(before: View, after: View): readonly string[] {
  const ids = new Set([...before.values()].map(({ id }) => id));
  const lines: string[] = [];
  for (const [path, was] of before) {
    const is = after.get(path);
    if (!is) lines.push(`- ${path}: ${was.text}`);
    else {
      const told = was.text === is.text ? is.text : `${was.text} → ${is.text}`;
      const anew = is.id === undefined || ids.has(is.id) ? "" : ", made anew";
      const rest = anew !== "" || was.rest === is.rest ? "" : ", and what is not told here";
      if (told !== is.text || anew !== "" || rest !== "") lines.push(`~ ${path}: ${told}${anew}${rest}`);
    }
  }
  for (const [path, is] of after) {
    if (before.has(path)) continue;
    const isMoved = is.id !== undefined && ids.has(is.id);
    lines.push(`+ ${path}: ${is.text}${isMoved ? ", the same object" : ""}`);
  }
  return lines;
}

/** What of a source is not as it should be of an Action of ours: nothing, as a rule. */
function unusual(
  name: string,
  { dependencies, runtime, secrets }: Source,
  nameOfSecret: NameOfSecret,
): string {
  const wanted = name === "exchange" ? SECRETS : [];
  const packages = dependencies.map((one) => `${one.name}@${one.version}`).join(" ");
  return [
    ...(runtime === "node22" ? [] : [runtime]),
    ...(packages === (name === "exchange" ? REDIS : "") ? [] : [packages || "no packages"]),
    ...wanted.filter((one) => !secrets.some((secret) => secret.name === one)).map((one) => `no ${one}`),
    ...secrets
      .map((one) => [one.name, nameOfSecret(one.value)] as const)
      .filter(([one, value]) => !wanted.includes(one) || value !== "ours")
      .map(([one, value]) => `${one}=${value}`),
  ]
    .map((one) => ` ${one}`)
    .join("");
}

interface Source {
  readonly code: string;
  readonly dependencies: readonly { readonly name: string; readonly version: string }[];
  readonly runtime: string;
  readonly secrets: readonly { readonly name: string; readonly value: string }[];
}

interface Mark {
  readonly uses: string;
  readonly gave: string;
  /** The scopes of others that the code knows to take out of tokens. */
  readonly others: string;
}

interface Said {
  readonly kind: string;
  readonly of: string;
  readonly scope?: string;
  readonly seconds?: number;
  readonly hadList?: boolean;
  readonly maxAttempts?: number;
  readonly regainMs?: number;
}

/** What the code of one of our Actions says of its deployment, read without the code under test. */
function markOf(code: string): Mark | undefined {
  const line = code.split("\n").findLast((one) => one.startsWith(MARK));
  if (line === undefined) return undefined;
  const { uses, gave } = JSON.parse(line.slice(MARK.length)) as Record<"uses" | "gave", Said[]>;
  const others = [...code.matchAll(/otherScopes: \[(.*?)\]/gs)].map(([, all]) =>
    (all ?? "").replaceAll(/["\s]/g, "").replaceAll(",", " "),
  );
  const list = (all: readonly Said[]) => all.map(told).join(", ");
  return { uses: list(uses), gave: list(gave), others: others.join(" | ") };
}

function told({ kind, of, scope, seconds, hadList, maxAttempts, regainMs }: Said): string {
  switch (kind) {
    case "scope":
      return `${short(of)} ${scope}`;
    case "client":
      return `${short(of)}${hadList ? " (list)" : ""}`;
    case "lifetime":
      return `${short(of)} ${seconds} s`;
    case "throttling":
      return `throttling ${maxAttempts} / ${regainMs} ms`;
    default:
      return `${kind} ${short(of)}`;
  }
}
