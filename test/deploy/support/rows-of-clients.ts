import { CLIENT_ID } from "../../support/stage.ts";
import {
  BILLING,
  FIRST,
  NOBODY,
  RETYPED,
  SHARING_THROTTLING,
  THEIR_CLIENT,
  THEIR_THROTTLING,
  THROTTLED,
} from "./applications.ts";
import type { Row } from "./change-cell.ts";

const EXCHANGE = "api-keys-custom-token-exchange";
const TYPE = "urn:acme:api-key";
const OTHER_TYPE = "urn:acme:other-key";
const WHOLE = "read:things=Read write:things=Write, 86400 s, no consent";

const USES = "api acme, consent acme, acme read:things, acme write:things, client 1";
const API_MADE = `+ API acme: ${WHOLE}`;
const ACTIONS_MADE = ["+ Action login: v1 ours", "+ Action exchange: v1 ours"];
const BOUND = "~ bindings: enrich, audit, redirect → enrich, audit, redirect, login";
const PROFILE_MADE = "+ profile acme: api-keys → exchange";
const ENABLED = "~ client 1: [on-behalf] → [on-behalf custom]";
const BOTH_AGAIN = ["~ Action login: v1 ours → v2 ours", "~ Action exchange: v1 ours → v2 ours"];
const SETTLED = "the same run as that of create_api: there is one tenant that is as it should be";
const ONE_SWITCH = "a switch or a number is always there";

/** What `apply` does to profiles, clients and throttling. */
export const ROWS_OF_CLIENTS: readonly Row[] = [
  {
    effect: "create_profile",
    command: "apply",
    after: [FIRST],
    cells: {
      "nothing there": {
        given: (hand) => hand.deleteProfile(TYPE),
        plans: "create_profile",
        changes: [PROFILE_MADE],
      },
      "ours as it should be": SETTLED,
      "ours and changed": "a profile that is there is changed: see update_profile",
      "ours with others' additions": {
        called: "a profile of another type that a person made for our Action: it stays",
        given: (hand) => {
          hand.makeProfile("urn:theirs:type", EXCHANGE);
          hand.deleteProfile(TYPE);
        },
        plans: "create_profile",
        changes: [PROFILE_MADE],
      },
      "another's": [
        {
          called: "a profile of our type for another Action: refused",
          after: [],
          now: FIRST,
          given: (hand) => hand.makeProfile(TYPE, "legacy"),
          plans: "!deployment_conflict",
          changes: [],
          again: "!deployment_conflict",
        },
        {
          called: "another deployment has our type: refused",
          after: [BILLING],
          now: { ...FIRST, config: { ...FIRST.config, subjectTokenType: "urn:billing:api-key" } },
          plans: "!deployment_conflict",
          changes: [],
          again: "!deployment_conflict",
        },
        {
          called: "another deployment has our prefix: refused",
          after: [BILLING],
          now: { ...FIRST, config: { ...FIRST.config, retiredKeyPrefixes: ["bill_live"] } },
          plans: "!deployment_conflict",
          changes: [],
          again: "!deployment_conflict",
        },
        {
          called: "another deployment has our database: refused",
          after: [BILLING],
          now: { ...FIRST, redisUrl: "https://billing.example" },
          plans: "!deployment_conflict",
          changes: [],
          again: "!deployment_conflict",
        },
        {
          called: "the tenant has room for just one",
          given: (hand) => {
            hand.deleteProfile(TYPE);
            hand.fillProfiles(99);
          },
          plans: "create_profile",
          changes: [PROFILE_MADE],
        },
        {
          called: "the tenant has no room: refused",
          given: (hand) => {
            hand.deleteProfile(TYPE);
            hand.fillProfiles(100);
          },
          plans: "!limit_exceeded",
          changes: [],
          again: "!limit_exceeded",
        },
      ],
      "changed between plan and apply": [
        {
          called: "another makes one of this type: refused, and refused from then on",
          given: (hand) => hand.deleteProfile(TYPE),
          meanwhile: (hand) => hand.makeProfile(TYPE, "legacy"),
          plans: "create_profile",
          ends: "management_refused",
          changes: [],
          again: "!deployment_conflict",
        },
        {
          called: "another makes just this one: refused, and the next run gives it its name",
          given: (hand) => hand.deleteProfile(TYPE),
          meanwhile: (hand) => hand.makeProfile(TYPE, EXCHANGE),
          plans: "create_profile",
          ends: "management_refused",
          changes: [],
          again: "update_profile",
          mends: ["~ profile acme: Theirs → exchange → api-keys → exchange"],
        },
      ],
    },
  },
  {
    effect: "update_profile",
    command: "apply",
    after: [FIRST],
    cells: {
      "nothing there": "a profile that is not there is made: see create_profile",
      "ours as it should be": SETTLED,
      "ours and changed": [
        {
          called: "its name",
          given: (hand) => hand.profile(TYPE, { name: "Renamed" }),
          plans: "update_profile",
          changes: ["~ profile acme: Renamed → exchange → api-keys → exchange"],
        },
        {
          called: "its type on the tenant",
          given: (hand) => hand.profile(TYPE, { subject_token_type: OTHER_TYPE }),
          plans: "update_profile",
          changes: [
            "- profile urn:acme:other-key: api-keys → exchange",
            "+ profile acme: api-keys → exchange, the same object",
          ],
        },
        {
          called: "the type in the configuration",
          now: RETYPED,
          plans: "update_action update_action update_profile",
          changes: [
            ...BOTH_AGAIN,
            "- profile acme: api-keys → exchange",
            "+ profile urn:acme:other-key: api-keys → exchange, the same object",
          ],
        },
      ],
      "ours with others' additions": {
        called: "a profile of another type that a person made for our Action: it stays",
        now: RETYPED,
        given: (hand) => {
          hand.makeProfile("urn:theirs:type", EXCHANGE);
          hand.profile(TYPE, { name: "Renamed" });
        },
        plans: "update_action update_action update_profile",
        changes: [
          ...BOTH_AGAIN,
          "- profile acme: Renamed → exchange",
          "+ profile urn:acme:other-key: api-keys → exchange, the same object",
        ],
      },
      "another's": {
        called: "the new type is that of a profile for another Action: refused",
        now: RETYPED,
        given: (hand) => hand.makeProfile(OTHER_TYPE, "legacy"),
        plans: "!deployment_conflict",
        changes: [],
        again: "!deployment_conflict",
      },
      "changed between plan and apply": [
        {
          called: "it is deleted: refused, and the next run makes it",
          given: (hand) => hand.profile(TYPE, { name: "Renamed" }),
          meanwhile: (hand) => hand.deleteProfile(TYPE),
          plans: "update_profile",
          ends: "management_refused",
          changes: [],
          again: "create_profile",
          mends: [PROFILE_MADE],
        },
        {
          called: "the new type is taken: refused, and refused from then on",
          now: RETYPED,
          meanwhile: (hand) => hand.makeProfile(OTHER_TYPE, "legacy"),
          plans: "update_action update_action update_profile",
          ends: "management_refused",
          changes: BOTH_AGAIN,
          again: "!deployment_conflict",
        },
      ],
    },
  },
  {
    effect: "replace_profile",
    command: "apply",
    after: [FIRST],
    cells: {
      "nothing there": "a profile that is not there is made: see create_profile",
      "ours as it should be": SETTLED,
      "ours and changed": {
        called: "its Action was deleted",
        given: (hand) => hand.deleteAction(EXCHANGE),
        plans: "create_action replace_profile",
        changes: [
          "+ Action exchange: v1 ours",
          "~ profile acme: api-keys → nothing → api-keys → exchange, made anew",
        ],
      },
      "ours with others' additions": {
        called: "a profile of another type that a person made for our Action: it is not ours to mend",
        given: (hand) => {
          hand.makeProfile("urn:theirs:type", EXCHANGE);
          hand.deleteAction(EXCHANGE);
        },
        plans: "create_action replace_profile",
        changes: [
          "+ Action exchange: v1 ours",
          "~ profile acme: api-keys → nothing → api-keys → exchange, made anew",
        ],
      },
      "another's": {
        called: "a profile of our type whose Action is gone, whoever made it",
        after: [],
        now: FIRST,
        given: (hand) => hand.makeProfile(TYPE, hand.makeAction("gone", "custom-token-exchange")),
        plans: "!deployment_conflict",
        changes: [],
        again: "!deployment_conflict",
      },
      "changed between plan and apply": [
        {
          called: "it is deleted: it is made all the same",
          given: (hand) => hand.deleteAction(EXCHANGE),
          meanwhile: (hand) => hand.deleteProfile(TYPE),
          plans: "create_action replace_profile",
          changes: ["+ Action exchange: v1 ours", PROFILE_MADE],
        },
        {
          called: "another puts one of our type in its place: refused, and refused from then on",
          given: (hand) => hand.deleteAction(EXCHANGE),
          meanwhile: (hand) => {
            hand.deleteProfile(TYPE);
            hand.makeProfile(TYPE, "legacy");
          },
          plans: "create_action replace_profile",
          ends: "management_refused",
          changes: ["+ Action exchange: v1 ours"],
          again: "!deployment_conflict",
        },
      ],
    },
  },
  {
    effect: "enable_client",
    command: "apply",
    after: [FIRST],
    cells: {
      "nothing there": [
        {
          called: "a client without a list",
          given: (hand) => hand.client(CLIENT_ID, undefined),
          plans: "enable_client",
          changes: ["~ client 1: no list → [custom]"],
        },
        {
          called: "no client: refused",
          now: NOBODY,
          plans: "!client_missing",
          changes: [],
          again: "!client_missing",
        },
      ],
      "ours as it should be": SETTLED,
      "ours and changed": {
        called: "it was taken from it",
        given: (hand) => hand.client(CLIENT_ID, ["on_behalf_of_token_exchange"]),
        plans: "enable_client",
        changes: [ENABLED],
      },
      "ours with others' additions": {
        called: "other types, and grants: they stay",
        given: (hand) => {
          hand.client(CLIENT_ID, ["on_behalf_of_token_exchange"]);
          hand.changeClient(CLIENT_ID, { grant_types: ["implicit"], client_metadata: { theirs: "1" } });
        },
        plans: "enable_client",
        changes: [ENABLED],
      },
      "another's": {
        called: "it had our type before us: it is not given",
        after: [THEIR_CLIENT],
        now: FIRST,
        plans: "create_api create_action create_action bind create_profile",
        changes: [
          API_MADE,
          ...ACTIONS_MADE,
          BOUND,
          PROFILE_MADE,
          `+ mark uses: ${USES}`,
          "+ mark gave: api acme, consent acme, acme read:things, acme write:things",
        ],
      },
      "changed between plan and apply": [
        {
          called: "it gets another type: it stays",
          given: (hand) => hand.client(CLIENT_ID, undefined),
          meanwhile: (hand) => hand.client(CLIENT_ID, ["on_behalf_of_token_exchange"]),
          plans: "enable_client",
          changes: [ENABLED],
        },
        {
          called: "it gets ours",
          given: (hand) => hand.client(CLIENT_ID, undefined),
          meanwhile: (hand) => hand.client(CLIENT_ID, ["custom_authentication"]),
          plans: "enable_client",
          changes: [],
        },
        {
          called: "it is deleted: refused, and refused from then on",
          given: (hand) => hand.client(CLIENT_ID, undefined),
          meanwhile: (hand) => hand.deleteClient(CLIENT_ID),
          plans: "enable_client",
          ends: "client_missing",
          changes: [],
          again: "!client_missing",
        },
      ],
    },
  },
  {
    effect: "set_ip_throttling",
    command: "apply",
    after: [THROTTLED],
    cells: {
      "nothing there": ONE_SWITCH,
      "ours as it should be": [
        { plans: "", changes: [] },
        {
          called: "it is not configured: whatever it is stays",
          after: [FIRST],
          given: (hand) => hand.throttle(77, 7_000),
          plans: "",
          changes: [],
        },
      ],
      "ours and changed": {
        given: (hand) => hand.throttle(40, 60_000),
        plans: "set_ip_throttling",
        changes: ["~ throttling: 40 / 60000 ms → 20 / 60000 ms"],
      },
      "ours with others' additions": {
        called: "another stage, and an allowlist: they stay",
        given: (hand) => {
          hand.throttle(20, 1_000);
          hand.throttleElsewhere();
        },
        plans: "set_ip_throttling",
        changes: ["~ throttling: 20 / 1000 ms → 20 / 60000 ms"],
      },
      "another's": [
        {
          called: "what it was is noted",
          after: [THEIR_THROTTLING],
          now: THROTTLED,
          plans: "create_api create_action create_action bind create_profile enable_client set_ip_throttling",
          changes: [
            API_MADE,
            ...ACTIONS_MADE,
            BOUND,
            PROFILE_MADE,
            ENABLED,
            "~ throttling: 50 / 5000 ms → 20 / 60000 ms",
            `+ mark uses: ${USES}, throttling 20 / 60000 ms`,
            "+ mark gave: api acme, client 1 (list), consent acme, acme read:things, acme write:things, throttling 50 / 5000 ms",
          ],
        },
        {
          called: "another deployment set another: refused",
          after: [SHARING_THROTTLING],
          now: THROTTLED,
          plans: "!deployment_conflict",
          changes: [],
          again: "!deployment_conflict",
        },
      ],
      "changed between plan and apply": [
        {
          called: "another sets another stage: it stays",
          given: (hand) => hand.throttle(40, 60_000),
          meanwhile: (hand) => hand.throttleElsewhere(),
          plans: "set_ip_throttling",
          changes: ["~ throttling: 40 / 60000 ms → 20 / 60000 ms"],
        },
        {
          called: "another sets it behind us: said, and set by the next run",
          given: (hand) => hand.throttle(40, 60_000),
          during: {
            request: "PATCH /api/v2/attack-protection/suspicious-ip-throttling",
            hand: (hand) => hand.throttle(50, 60_000),
          },
          plans: "set_ip_throttling",
          ends: "deployment_unsettled",
          changes: ["~ throttling: 40 / 60000 ms → 50 / 60000 ms"],
          again: "set_ip_throttling",
          mends: ["~ throttling: 50 / 60000 ms → 20 / 60000 ms"],
        },
      ],
    },
  },
];
