import { requireText } from "./arguments.ts";

/** The actor that becomes the `act` claim (RFC 8693 §4.1). */
export interface Actor {
  readonly sub: string;
  readonly [claim: string]: unknown;
}

/** What a custom-token-exchange Action asked for: recorded while it runs, judged when it has ended. */
export interface ExchangeCommands {
  userIds: string[];
  organization: string | undefined;
  actor: Actor | undefined;
  denial: { readonly code: string; readonly reason: string; readonly countsForIp: boolean } | undefined;
}

const MAX_ACTOR_CLAIMS = 5;
const MAX_ACTOR_TEXT = 64;

/** The `api` object of the trigger: its methods validate, record, and return nothing. The first denial stays. */
export function customTokenExchangeApi(): { readonly api: object; readonly commands: ExchangeCommands } {
  const commands: ExchangeCommands = {
    userIds: [],
    organization: undefined,
    actor: undefined,
    denial: undefined,
  };
  const api = {
    access: {
      deny(code: unknown, reason: unknown) {
        requireText("deny", "code", code, 1024);
        requireText("deny", "reason", reason, 1024);
        commands.denial ??= { code, reason, countsForIp: false };
      },
      rejectInvalidSubjectToken(reason: unknown) {
        requireText("rejectInvalidSubjectToken", "reason", reason, 1024);
        commands.denial ??= { code: "invalid_request", reason, countsForIp: true };
      },
    },
    authentication: {
      setUserById(userId: unknown) {
        requireText("setUserById", "user_id", userId, 512);
        commands.userIds.push(userId);
      },
      setUserByConnection() {
        throw new Error("The local tenant has no setUserByConnection.");
      },
      setOrganization(idOrName: unknown) {
        requireText("setOrganization", "organization", idOrName, 512);
        commands.organization = idOrName;
      },
      setActor(actor: unknown) {
        commands.actor = readActor(actor);
      },
    },
  };
  return { api, commands };
}

function readActor(actor: unknown): Actor {
  const { sub, act: _, ...custom } = (actor ?? {}) as Record<string, unknown>;
  requireText("setActor", "sub", sub, 512);
  if (Object.keys(custom).length > MAX_ACTOR_CLAIMS) {
    throw new Error(
      `Invalid setActor arguments: actor must NOT have more than ${MAX_ACTOR_CLAIMS} properties`,
    );
  }
  for (const [name, value] of Object.entries(custom)) {
    requireText("setActor", "property name", name, MAX_ACTOR_TEXT);
    if (typeof value === "string") requireText("setActor", name, value, MAX_ACTOR_TEXT);
  }
  return structuredClone(actor as Actor);
}
