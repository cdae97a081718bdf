import { AUDIENCE, OTHER_AUDIENCE, OTHER_CLIENT_ID } from "../../support/stage.ts";
import {
  BILLING,
  DIED,
  FIRST,
  LESS,
  LIVED,
  OTHER_SCOPE,
  SHARING,
  SHARING_LIFETIME,
  SHARING_THROTTLED,
  SILENT,
  THEIR_API,
  THEIR_BILLS,
  THEIR_EMPTY_LIST,
  THEIR_OTHER_CLIENT,
  THEIR_THROTTLING,
  THROTTLED,
  TWO_APIS,
  TWO_CLIENTS,
} from "./applications.ts";
import type { Row } from "./change-cell.ts";

const WHOLE = "read:things=Read write:things=Write, 86400 s, no consent";
const LESSER = "read:things=Read, 86400 s, no consent";
const USES = "api acme, consent acme, acme read:things, acme write:things, client 1";
const USES_LESS = "api acme, consent acme, acme read:things, client 1";
const GAVE = "api acme, client 1 (list), consent acme, acme read:things, acme write:things";
const GAVE_LESS = "api acme, client 1 (list), consent acme, acme read:things";
const BOTH = ["~ Action login: v1 ours → v2 ours", "~ Action exchange: v1 ours → v2 ours"];
const BOTH_AGAIN = ["~ Action login: v2 ours → v3 ours", "~ Action exchange: v2 ours → v3 ours"];
const ACTIONS = "update_action update_action";
const WITHOUT_SCOPE = [...BOTH, `~ mark uses: ${USES} → ${USES_LESS}`];
const SCOPE_GONE = [...WITHOUT_SCOPE, `~ mark gave: ${GAVE} → ${GAVE_LESS}`];

const USES_BILLS =
  "api acme, consent acme, acme read:things, acme write:things, api billing, consent billing, billing read:bills, client 1";
const GAVE_BILLS =
  "api acme, api billing, client 1 (list), consent acme, consent billing, acme read:things, acme write:things, billing read:bills";
const WITHOUT_API = [...BOTH, `~ mark uses: ${USES_BILLS} → ${USES}`];
const API_GONE = [...WITHOUT_API, `~ mark gave: ${GAVE_BILLS} → ${GAVE}`];

const USES_CLIENTS = `${USES}, client 2`;
const GAVE_CLIENTS = "api acme, client 1 (list), client 2, consent acme, acme read:things, acme write:things";
const WITHOUT_CLIENT = [...BOTH, `~ mark uses: ${USES_CLIENTS} → ${USES}`];
const CLIENT_GONE = [...WITHOUT_CLIENT, `~ mark gave: ${GAVE_CLIENTS} → ${GAVE}`];

const USES_HOUR = "api acme, consent acme, acme read:things, acme write:things, acme 3600 s, client 1";
const WITHOUT_LIFETIME = [...BOTH, `~ mark uses: ${USES_HOUR} → ${USES}`];
const LIFETIME_GONE = [
  ...WITHOUT_LIFETIME,
  "~ mark gave: client 1 (list), consent acme, acme 900 s, acme read:things → client 1 (list), consent acme, acme read:things",
];

const USES_THROTTLING = `${USES}, throttling 20 / 60000 ms`;
const GAVE_THROTTLING = `${GAVE}, throttling 50 / 5000 ms`;
const WITHOUT_THROTTLING = [...BOTH, `~ mark uses: ${USES_THROTTLING} → ${USES}`];
const THROTTLING_GONE = [...WITHOUT_THROTTLING, `~ mark gave: ${GAVE_THROTTLING} → ${GAVE}`];
const ONE_SWITCH = "a number is always there";

/** What `apply --prune` takes back of what the configuration no longer names. */
export const ROWS_OF_PRUNE: readonly Row[] = [
  {
    effect: "update_api",
    form: "scopes",
    command: "apply --prune",
    after: [FIRST],
    now: LESS,
    cells: {
      "nothing there": {
        called: "somebody removed the scope already",
        given: (hand) => hand.removeScope(AUDIENCE, "write:things"),
        plans: ACTIONS,
        changes: SCOPE_GONE,
      },
      "ours as it should be": {
        plans: `update_api ${ACTIONS}`,
        changes: [`~ API acme: ${WHOLE} → ${LESSER}`, ...SCOPE_GONE],
      },
      "ours and changed": {
        called: "somebody described the scope anew: it is ours all the same",
        given: (hand) => hand.describeScope(AUDIENCE, "write:things", "Other words"),
        plans: `update_api ${ACTIONS}`,
        changes: [
          `~ API acme: read:things=Read write:things=Other words, 86400 s, no consent → ${LESSER}`,
          ...SCOPE_GONE,
        ],
      },
      "ours with others' additions": {
        called: "a scope of others stays",
        given: (hand) => hand.addScope(AUDIENCE, "other:things"),
        plans: `update_api ${ACTIONS}`,
        changes: [
          "~ API acme: read:things=Read write:things=Write other:things=By hand, 86400 s, no consent → read:things=Read other:things=By hand, 86400 s, no consent",
          ...SCOPE_GONE,
          "+ mark others: other:things",
        ],
      },
      "another's": [
        {
          called: "the scope was there before us: it stays, and tokens are rid of it",
          after: [THEIR_API, FIRST],
          plans: ACTIONS,
          changes: [...WITHOUT_SCOPE, "~ mark others: other:things → other:things write:things"],
        },
        {
          called: "somebody added it to an API that a run made which died: it stays",
          after: [DIED, OTHER_SCOPE, FIRST],
          now: FIRST,
          plans: "",
          changes: [],
        },
        {
          called: "another deployment uses the scope: it stays, and so does that we gave it",
          after: [FIRST, SHARING],
          plans: ACTIONS,
          changes: [...WITHOUT_SCOPE, "+ mark others: write:things"],
        },
        {
          called: "another deployment does not say what it uses: all stays",
          after: [FIRST, BILLING, SILENT],
          says: [
            'the deployment "billing" is of an older version, and does not say what it uses',
            "no key gets: write:things",
          ],
          plans: ACTIONS,
          changes: [...WITHOUT_SCOPE, "+ mark others: write:things"],
        },
        {
          called: "without --prune all stays",
          after: [FIRST],
          isPruneLeftOut: true,
          plans: ACTIONS,
          changes: [...WITHOUT_SCOPE, "+ mark others: write:things"],
        },
      ],
      "changed between plan and apply": [
        {
          called: "somebody adds a scope: it stays, and the next run rids tokens of it",
          meanwhile: (hand) => hand.addScope(AUDIENCE, "other:things"),
          plans: `update_api ${ACTIONS}`,
          changes: [
            "~ API acme: read:things=Read write:things=Write other:things=By hand, 86400 s, no consent → read:things=Read other:things=By hand, 86400 s, no consent",
            ...SCOPE_GONE,
          ],
          again: ACTIONS,
          mends: [...BOTH_AGAIN, "+ mark others: other:things"],
        },
        {
          called: "another deployment begins to use the scope: refused, and the next run lets it be",
          meanwhile: SHARING,
          plans: `update_api ${ACTIONS}`,
          ends: "deployment_conflict",
          changes: [],
          again: ACTIONS,
          mends: [...WITHOUT_SCOPE, "+ mark others: write:things"],
        },
      ],
    },
  },
  {
    effect: "update_api",
    form: "lifetime",
    command: "apply --prune",
    after: [THEIR_API, LIVED],
    now: FIRST,
    cells: {
      "nothing there": ONE_SWITCH,
      "ours as it should be": {
        plans: `update_api ${ACTIONS}`,
        changes: [
          "~ API acme: write:things=Write other:things=By hand read:things=Read, 3600 s, no consent → write:things=Write other:things=By hand read:things=Read, 900 s, no consent",
          ...LIFETIME_GONE,
        ],
      },
      "ours and changed": {
        called: "somebody set another since: that stays",
        given: (hand) => hand.api(AUDIENCE, { token_lifetime: 600 }),
        plans: ACTIONS,
        changes: LIFETIME_GONE,
      },
      "ours with others' additions": {
        called: "refresh tokens stay",
        given: (hand) => hand.api(AUDIENCE, { allow_offline_access: true }),
        plans: `update_api ${ACTIONS}`,
        changes: [
          "~ API acme: write:things=Write other:things=By hand read:things=Read, 3600 s, no consent → write:things=Write other:things=By hand read:things=Read, 900 s, no consent",
          ...LIFETIME_GONE,
        ],
      },
      "another's": [
        {
          called: "it was as long before us: nothing was given, and it stays",
          after: [
            THEIR_API,
            { called: "an hour of theirs", hand: (hand) => hand.api(AUDIENCE, { token_lifetime: 3_600 }) },
            LIVED,
          ],
          plans: ACTIONS,
          changes: WITHOUT_LIFETIME,
        },
        {
          called: "another deployment wants the same: it stays",
          after: [THEIR_API, LIVED, SHARING_LIFETIME],
          plans: ACTIONS,
          changes: WITHOUT_LIFETIME,
        },
      ],
      "changed between plan and apply": {
        called: "somebody adds a scope: it stays, and the next run rids tokens of it",
        meanwhile: (hand) => hand.addScope(AUDIENCE, "more:things"),
        plans: `update_api ${ACTIONS}`,
        changes: [
          "~ API acme: write:things=Write other:things=By hand read:things=Read more:things=By hand, 3600 s, no consent → write:things=Write other:things=By hand read:things=Read more:things=By hand, 900 s, no consent",
          ...LIFETIME_GONE,
        ],
        again: ACTIONS,
        mends: [...BOTH_AGAIN, "~ mark others: other:things → more:things other:things"],
      },
    },
  },
  {
    effect: "delete_api",
    command: "apply --prune",
    after: [TWO_APIS],
    now: FIRST,
    cells: {
      "nothing there": {
        called: "somebody deleted it already",
        given: (hand) => hand.deleteApi(OTHER_AUDIENCE),
        plans: ACTIONS,
        changes: API_GONE,
      },
      "ours as it should be": {
        plans: `delete_api ${ACTIONS}`,
        changes: ["- API billing: read:bills=Read bills, 86400 s, no consent", ...API_GONE],
      },
      "ours and changed": {
        called: "in its lifetime, its consent and its description",
        given: (hand) => {
          hand.describeScope(OTHER_AUDIENCE, "read:bills", "Other words");
          hand.api(OTHER_AUDIENCE, {
            token_lifetime: 7,
            skip_consent_for_verifiable_first_party_clients: false,
          });
        },
        plans: `delete_api ${ACTIONS}`,
        changes: ["- API billing: read:bills=Other words, 7 s, consent", ...API_GONE],
      },
      "ours with others' additions": {
        called: "a scope of others: it stays with its API, and ours is taken out",
        given: (hand) => hand.addScope(OTHER_AUDIENCE, "other:bills"),
        says: ["API https://billing.acme.example stays: this deployment did not add other:bills"],
        plans: `update_api ${ACTIONS}`,
        changes: [
          "~ API billing: read:bills=Read bills other:bills=By hand, 86400 s, no consent → other:bills=By hand, 86400 s, consent",
          ...API_GONE,
        ],
      },
      "another's": [
        {
          called: "it was there before us: what we gave it is taken",
          after: [THEIR_BILLS, TWO_APIS],
          plans: `update_api ${ACTIONS}`,
          changes: [
            "~ API billing: theirs:bills=By hand read:bills=Read bills, 86400 s, no consent → theirs:bills=By hand, 86400 s, consent",
            ...WITHOUT_API,
            "~ mark gave: api acme, client 1 (list), consent acme, consent billing, acme read:things, acme write:things, billing read:bills → api acme, client 1 (list), consent acme, acme read:things, acme write:things",
            "- mark others: theirs:bills",
          ],
        },
        {
          called: "another deployment uses it: it stays, and so does that we gave it",
          after: [TWO_APIS, BILLING],
          plans: ACTIONS,
          changes: WITHOUT_API,
        },
      ],
      "changed between plan and apply": [
        {
          called: "somebody deletes it",
          meanwhile: (hand) => hand.deleteApi(OTHER_AUDIENCE),
          plans: `delete_api ${ACTIONS}`,
          changes: API_GONE,
        },
        {
          called: "somebody adds a scope: refused, and the next run lets it be",
          meanwhile: (hand) => hand.addScope(OTHER_AUDIENCE, "other:bills"),
          plans: `delete_api ${ACTIONS}`,
          ends: "deployment_conflict",
          changes: [],
          again: `update_api ${ACTIONS}`,
          mends: [
            "~ API billing: read:bills=Read bills other:bills=By hand, 86400 s, no consent → other:bills=By hand, 86400 s, consent",
            ...API_GONE,
          ],
        },
        {
          called: "another deployment begins to use it: refused, and the next run lets it be",
          meanwhile: BILLING,
          plans: `delete_api ${ACTIONS}`,
          ends: "deployment_conflict",
          changes: [],
          again: ACTIONS,
          mends: WITHOUT_API,
        },
      ],
    },
  },
  {
    effect: "disable_client",
    command: "apply --prune",
    after: [TWO_CLIENTS],
    now: FIRST,
    cells: {
      "nothing there": {
        called: "somebody took its list away already",
        given: (hand) => hand.client(OTHER_CLIENT_ID, undefined),
        plans: ACTIONS,
        changes: CLIENT_GONE,
      },
      "ours as it should be": [
        {
          called: "the list that we made goes",
          plans: `disable_client ${ACTIONS}`,
          changes: ["~ client 2: [custom] → no list", ...CLIENT_GONE],
        },
        {
          called: "a list that was there before us stays, empty",
          after: [THEIR_EMPTY_LIST, TWO_CLIENTS],
          plans: `disable_client ${ACTIONS}`,
          changes: [
            "~ client 2: [custom] → []",
            ...WITHOUT_CLIENT,
            `~ mark gave: api acme, client 1 (list), client 2 (list), consent acme, acme read:things, acme write:things → ${GAVE}`,
          ],
        },
      ],
      "ours and changed": "a client has our type or has not",
      "ours with others' additions": {
        called: "another type stays",
        given: (hand) =>
          hand.client(OTHER_CLIENT_ID, ["custom_authentication", "on_behalf_of_token_exchange"]),
        plans: `disable_client ${ACTIONS}`,
        changes: ["~ client 2: [custom on-behalf] → [on-behalf]", ...CLIENT_GONE],
      },
      "another's": [
        {
          called: "it had our type before us: it keeps it",
          after: [THEIR_OTHER_CLIENT, TWO_CLIENTS],
          plans: ACTIONS,
          changes: WITHOUT_CLIENT,
        },
        {
          called: "another deployment uses it: it keeps it, and so does that we gave it",
          after: [TWO_CLIENTS, BILLING],
          says: ["acmeOtherCommandLineClient000002 stays as it is: another deployment"],
          plans: ACTIONS,
          changes: WITHOUT_CLIENT,
        },
      ],
      "changed between plan and apply": [
        {
          called: "it gets another type: that stays",
          meanwhile: (hand) =>
            hand.client(OTHER_CLIENT_ID, ["on_behalf_of_token_exchange", "custom_authentication"]),
          plans: `disable_client ${ACTIONS}`,
          changes: ["~ client 2: [on-behalf custom] → [on-behalf]", ...CLIENT_GONE],
        },
        {
          called: "it is deleted: refused, and the next run goes on",
          meanwhile: (hand) => hand.deleteClient(OTHER_CLIENT_ID),
          plans: `disable_client ${ACTIONS}`,
          ends: "client_missing",
          changes: [],
          again: ACTIONS,
          mends: CLIENT_GONE,
        },
        {
          called: "another deployment begins to use it: refused, and the next run lets it be",
          meanwhile: BILLING,
          plans: `disable_client ${ACTIONS}`,
          ends: "deployment_conflict",
          changes: [],
          again: ACTIONS,
          mends: WITHOUT_CLIENT,
        },
      ],
    },
  },
  {
    effect: "set_ip_throttling",
    command: "apply --prune",
    after: [THEIR_THROTTLING, THROTTLED],
    now: FIRST,
    cells: {
      "nothing there": ONE_SWITCH,
      "ours as it should be": {
        plans: `set_ip_throttling ${ACTIONS}`,
        changes: ["~ throttling: 20 / 60000 ms → 50 / 5000 ms", ...THROTTLING_GONE],
      },
      "ours and changed": {
        called: "somebody set it since: that stays",
        given: (hand) => hand.throttle(40, 4_000),
        plans: ACTIONS,
        changes: THROTTLING_GONE,
      },
      "ours with others' additions": {
        called: "another stage and an allowlist stay",
        given: (hand) => hand.throttleElsewhere(),
        plans: `set_ip_throttling ${ACTIONS}`,
        changes: ["~ throttling: 20 / 60000 ms → 50 / 5000 ms", ...THROTTLING_GONE],
      },
      "another's": {
        called: "another deployment wants the same: it stays",
        after: [THEIR_THROTTLING, THROTTLED, SHARING_THROTTLED],
        plans: ACTIONS,
        changes: WITHOUT_THROTTLING,
      },
      "changed between plan and apply": {
        called: "another stage and an allowlist stay",
        meanwhile: (hand) => hand.throttleElsewhere(),
        plans: `set_ip_throttling ${ACTIONS}`,
        changes: ["~ throttling: 20 / 60000 ms → 50 / 5000 ms", ...THROTTLING_GONE],
      },
    },
  },
];
