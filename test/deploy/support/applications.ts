import type { DeployConfigInput } from "../../../src/deploy/config.ts";
import { AUDIENCE, CLIENT_ID, OTHER_AUDIENCE, OTHER_CLIENT_ID } from "../../support/stage.ts";
import type { Application, Step } from "./change-cell.ts";

const SCOPES = { "read:things": "Read", "write:things": "Write" };
const ACME = { identifier: AUDIENCE, scopes: SCOPES };
const BILLS = { identifier: OTHER_AUDIENCE, scopes: { "read:bills": "Read bills" } };

const ours = (called: string, config: Partial<DeployConfigInput> = {}): Application => ({
  called,
  deployment: "ours",
  config: { apis: [ACME], clients: [CLIENT_ID], ...config },
});
const pruned = (application: Application): Application => ({
  ...application,
  called: `${application.called}, pruned`,
  prune: true,
});

/** An API with two scopes, and a client that has a list of types already. */
export const FIRST = ours("first");
export const LESS = ours("less", { apis: [{ identifier: AUDIENCE, scopes: { "read:things": "Read" } }] });
export const DESCRIBED = ours("described", {
  apis: [{ identifier: AUDIENCE, scopes: { ...SCOPES, "write:things": "Write anew" } }],
});
export const TWO_APIS = ours("two APIs", { apis: [ACME, BILLS] });
export const TWO_CLIENTS = ours("two clients", { clients: [CLIENT_ID, OTHER_CLIENT_ID] });
export const LIVED = ours("an hour", { apis: [{ ...ACME, tokenLifetimeSeconds: 3_600 }] });
export const LIVED_LONGER = ours("two hours", { apis: [{ ...ACME, tokenLifetimeSeconds: 7_200 }] });
export const THROTTLED = ours("throttled", { ipThrottling: { maxAttempts: 20, regainMs: 60_000 } });
export const THROTTLED_LESS = ours("throttled less", { ipThrottling: { maxAttempts: 30, regainMs: 60_000 } });
export const RETYPED = ours("another type", { subjectTokenType: "urn:acme:other-key" });
export const BOUND_FIRST = ours("bound first", { postLoginPosition: "first" });
export const TOKEN: Application = { ...ours("another token"), redisToken: "another" };
export const NOBODY = ours("nobody", { clients: [CLIENT_ID, "nobody"] });

export const FIRST_PRUNED = pruned(FIRST);
export const LESS_PRUNED = pruned(LESS);

const billing = (called: string, config: Partial<DeployConfigInput> = {}): Application => ({
  called,
  deployment: "billing",
  config: {
    name: "billing",
    subjectTokenType: "urn:billing:api-key",
    keyPrefix: "bill_live",
    apis: [BILLS],
    clients: [OTHER_CLIENT_ID],
    ...config,
  },
});

/** Another deployment of the tenant, which shares nothing with ours. */
export const BILLING = billing("billing");
/** One that uses our API with one of its scopes, and our client. */
export const SHARING = billing("billing shares", {
  apis: [{ identifier: AUDIENCE, scopes: { "write:things": "Write" } }],
  clients: [CLIENT_ID],
});
export const SHARING_LIFETIME = billing("billing lives an hour", {
  apis: [{ identifier: AUDIENCE, scopes: { "write:things": "Write" }, tokenLifetimeSeconds: 3_600 }],
});
export const SHARING_SHORT_LIFETIME = billing("billing lives ten minutes", {
  apis: [{ identifier: AUDIENCE, scopes: { "write:things": "Write" }, tokenLifetimeSeconds: 600 }],
});
export const SHARING_THROTTLING = billing("billing throttles", {
  ipThrottling: { maxAttempts: 30, regainMs: 60_000 },
});
export const SHARING_BOTH = billing("billing uses all", {
  apis: [ACME, BILLS],
  clients: [CLIENT_ID, OTHER_CLIENT_ID],
});

/** Our API was there before us: made by a person, with a scope, a lifetime and a client's consent of its own. */
export const THEIR_API: Step = {
  called: "their API",
  hand: (hand) => {
    hand.api(AUDIENCE, { token_lifetime: 900 });
    hand.addScope(AUDIENCE, "write:things", "Write");
    hand.addScope(AUDIENCE, "other:things");
  },
};
/** Our client could use custom profiles before us. */
export const THEIR_CLIENT: Step = {
  called: "their client",
  hand: (hand) => hand.client(CLIENT_ID, ["on_behalf_of_token_exchange", "custom_authentication"]),
};
export const THEIR_THROTTLING: Step = {
  called: "their throttling",
  hand: (hand) => hand.throttle(50, 5_000),
};
export const THEIR_BILLS: Step = {
  called: "their other API",
  hand: (hand) => {
    hand.api(OTHER_AUDIENCE);
    hand.addScope(OTHER_AUDIENCE, "theirs:bills");
  },
};
/** Our second client could use custom profiles before us. */
export const THEIR_OTHER_CLIENT: Step = {
  called: "their other client",
  hand: (hand) => hand.client(OTHER_CLIENT_ID, ["custom_authentication"]),
};
/** Our second client had a list already, and nothing in it. */
export const THEIR_EMPTY_LIST: Step = {
  called: "their empty list",
  hand: (hand) => hand.client(OTHER_CLIENT_ID, []),
};
/** The other deployment is of a version that wrote no mark. */
export const SILENT: Step = { called: "without marks", hand: (hand) => hand.unmark("billing-") };
export const SHARING_THROTTLED = billing("billing throttles the same", {
  ipThrottling: { maxAttempts: 20, regainMs: 60_000 },
});

/** Dies once it has made the API, before its Actions say so. */
export const DIED: Application = {
  ...FIRST,
  called: "first, which died",
  diesAfter: "POST /api/v2/resource-servers",
};
/** Dies once its one Action is deployed. */
export const TOKEN_DIED: Application = {
  ...TOKEN,
  called: "another token, and it died",
  diesAfter: "POST /api/v2/actions/actions/*/deploy",
};
/** Somebody deleted the exchange Action with its profile, and another pipeline made both anew. */
export const EXCHANGE_DELETED: Step = {
  called: "exchange deleted",
  hand: (hand) => {
    hand.deleteProfile("urn:acme:api-key");
    hand.deleteAction("api-keys-custom-token-exchange");
  },
};
export const OLDER_RUNTIME: Step = {
  called: "an older runtime",
  hand: (hand) => hand.deploy("api-keys-post-login", { runtime: "node18" }),
};
/** Another pipeline applied another configuration. */
export const LESS_ELSEWHERE: Application = { ...LESS, called: "less elsewhere", hasOtherJournal: true };
export const REMADE: Application = { ...TOKEN, called: "made anew elsewhere", hasOtherJournal: true };
export const DESTROYED: Application = { ...FIRST, called: "destroyed", run: "destroy" };
/** Somebody put an Action of their own in the place of ours. */
export const USURPED: Step = {
  called: "usurped",
  hand: (hand) => {
    hand.deleteAction("api-keys-post-login");
    hand.makeAction("api-keys-post-login", "post-login");
  },
};
export const OTHER_SCOPE: Step = {
  called: "another scope",
  hand: (hand) => hand.addScope(AUDIENCE, "other:things"),
};
