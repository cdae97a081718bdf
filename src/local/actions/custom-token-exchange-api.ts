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

const MAX_ACTOR_LEVELS = 5;
const MAX_ACTOR_PROPERTIES = 5;
const MAX_ACTOR_SUB = 512;
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
        checkActor(actor, 1);
        commands.actor = structuredClone(actor);
      },
    },
  };
  return { api, commands };
}

/** Throws what Auth0's own package throws for an actor, in its words. `type` is not checked there either. */
function checkActor(actor: unknown, level: number): asserts actor is Actor {
  if (!isPlainObject(actor)) {
    throw new Error(
      level === 1 ? "The actor must be a plain object." : "The act claim must be a plain object.",
    );
  }
  if (level > MAX_ACTOR_LEVELS) throw new Error(`Actor nesting must not exceed ${MAX_ACTOR_LEVELS} levels.`);
  const { sub, act, type: _, ...custom } = actor;
  if (typeof sub !== "string" || sub === "") throw new Error("The actor object must contain a sub claim.");
  requireText("setActor", "sub", sub, MAX_ACTOR_SUB);
  const complain = (what: string) =>
    new Error(`Custom ${what} in an actor object must NOT have more than 64 characters.`);
  if (Object.keys(custom).length > MAX_ACTOR_PROPERTIES) {
    throw new Error(
      `No more than ${MAX_ACTOR_PROPERTIES} custom properties are allowed in the actor object.`,
    );
  }
  for (const [name, value] of Object.entries(custom)) {
    if (name.length > MAX_ACTOR_TEXT) throw complain("property key");
    if (!["string", "number", "boolean"].includes(typeof value)) {
      throw new Error("Custom property in an actor object must be a string, number, or boolean.");
    }
    if (String(value).length > MAX_ACTOR_TEXT) throw complain("string property value");
  }
  if (act !== undefined) checkActor(act, level + 1);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
