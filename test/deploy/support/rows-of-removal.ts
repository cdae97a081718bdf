import { AUDIENCE, CLIENT_ID } from "../../support/stage.ts";
import {
  BILLING,
  FIRST,
  LIVED,
  SHARING,
  SHARING_LIFETIME,
  SHARING_THROTTLED,
  SILENT,
  THEIR_API,
  THEIR_CLIENT,
  THEIR_THROTTLING,
  THROTTLED,
} from "./applications.ts";
import type { Row } from "./change-cell.ts";
import { THEIRS } from "./hand.ts";

const LOGIN = "api-keys-post-login";
const EXCHANGE = "api-keys-custom-token-exchange";
const TYPE = "urn:acme:api-key";

const USES = "api acme, consent acme, acme read:things, acme write:things, client 1";
const GAVE = "api acme, client 1 (list), consent acme, acme read:things, acme write:things";
const API_GONE = "- API acme: read:things=Read write:things=Write, 86400 s, no consent";
const LOGIN_GONE = "- Action login: v1 ours";
const EXCHANGE_GONE = "- Action exchange: v1 ours";
const MARKS_GONE = [`- mark uses: ${USES}`, `- mark gave: ${GAVE}`];
const ACTIONS_GONE = [LOGIN_GONE, EXCHANGE_GONE, ...MARKS_GONE];
const UNBOUND = "~ bindings: enrich, audit, redirect, login → enrich, audit, redirect";
const PROFILE_GONE = "- profile acme: api-keys → exchange";
const DISABLED = "~ client 1: [on-behalf custom] → [on-behalf]";
const ALL = "delete_profile unbind disable_client delete_api delete_action delete_action";
const SETTLED = "the same run as that of delete_profile: there is one tenant that is as it should be";
const ONE_SWITCH = "a number is always there";

const USES_HOUR = "api acme, consent acme, acme read:things, acme write:things, acme 3600 s, client 1";
/** Their API with what we gave it, and without. */
const GIVEN = "write:things=Write other:things=By hand read:things=Read, 3600 s, no consent";
const TAKEN = "write:things=Write other:things=By hand, 900 s, consent";
const ALL_BUT_API = [
  LOGIN_GONE,
  EXCHANGE_GONE,
  `- mark uses: ${USES_HOUR}`,
  "- mark gave: client 1 (list), consent acme, acme 900 s, acme read:things",
  "- mark others: other:things",
  UNBOUND,
  PROFILE_GONE,
  DISABLED,
];
const CHANGED_API = "delete_profile unbind disable_client update_api delete_action delete_action";

const ALL_BUT_THROTTLING = [
  API_GONE,
  LOGIN_GONE,
  EXCHANGE_GONE,
  `- mark uses: ${USES}, throttling 20 / 60000 ms`,
  `- mark gave: ${GAVE}, throttling 50 / 5000 ms`,
  UNBOUND,
  PROFILE_GONE,
  DISABLED,
];
const AS_BEFORE = "~ throttling: 20 / 60000 ms → 50 / 5000 ms";
const WITH_THROTTLING =
  "delete_profile unbind set_ip_throttling disable_client delete_api delete_action delete_action";

/** What takes away all that there was of us: `destroy`, and a rollback of the first application. */
export function rowsOfRemoval(command: "rollback" | "destroy"): readonly Row[] {
  // A rollback goes by the journal: it is refused where that is lost, or knows less than the tenant.
  const unlessRollback = (plans: string, changes: readonly string[]) =>
    command === "destroy" ? { plans, changes } : { plans: "!journal_missing", changes: [] };
  return [
    {
      effect: "delete_profile",
      command,
      after: [FIRST],
      cells: {
        "nothing there": {
          called: "somebody deleted it already",
          given: (hand) => hand.deleteProfile(TYPE),
          plans: "unbind disable_client delete_api delete_action delete_action",
          changes: [API_GONE, ...ACTIONS_GONE, UNBOUND, DISABLED],
        },
        "ours as it should be": [
          { plans: ALL, changes: [API_GONE, ...ACTIONS_GONE, UNBOUND, PROFILE_GONE, DISABLED] },
          {
            called:
              "the journal is lost: the Actions know what was given, and only a destruction goes by that",
            isJournalLost: true,
            ...unlessRollback(ALL, [API_GONE, ...ACTIONS_GONE, UNBOUND, PROFILE_GONE, DISABLED]),
          },
        ],
        "ours and changed": [
          {
            called: "its name",
            given: (hand) => hand.profile(TYPE, { name: "Renamed" }),
            plans: ALL,
            changes: [API_GONE, ...ACTIONS_GONE, UNBOUND, "- profile acme: Renamed → exchange", DISABLED],
          },
          {
            called: "its type",
            given: (hand) => hand.profile(TYPE, { subject_token_type: "urn:acme:by-hand" }),
            plans: ALL,
            changes: [
              API_GONE,
              ...ACTIONS_GONE,
              UNBOUND,
              "- profile urn:acme:by-hand: api-keys → exchange",
              DISABLED,
            ],
          },
        ],
        "ours with others' additions": {
          called:
            "somebody's profile for our Action: it stays, Auth0 refuses to delete the Action, and that is said",
          given: (hand) => hand.makeProfile("urn:theirs:type", EXCHANGE),
          plans: ALL,
          ends: "management_refused",
          changes: [API_GONE, LOGIN_GONE, UNBOUND, PROFILE_GONE, DISABLED],
          again: "delete_action",
        },
        "another's": {
          called: "somebody's profile of our type: it stays",
          given: (hand) => {
            hand.deleteProfile(TYPE);
            hand.makeProfile(TYPE, "legacy");
          },
          plans: "unbind disable_client delete_api delete_action delete_action",
          changes: [API_GONE, ...ACTIONS_GONE, UNBOUND, DISABLED],
        },
        "changed between plan and apply": [
          {
            called: "it is deleted",
            meanwhile: (hand) => hand.deleteProfile(TYPE),
            plans: ALL,
            changes: [API_GONE, ...ACTIONS_GONE, UNBOUND, DISABLED],
          },
          {
            called: "somebody puts one of our type in its place: it stays",
            meanwhile: (hand) => {
              hand.deleteProfile(TYPE);
              hand.makeProfile(TYPE, "legacy");
            },
            plans: ALL,
            changes: [API_GONE, ...ACTIONS_GONE, UNBOUND, DISABLED],
          },
        ],
      },
    },
    {
      effect: "unbind",
      command,
      after: [FIRST],
      cells: {
        "nothing there": {
          called: "somebody unbound it already",
          given: (hand) => hand.unbind(LOGIN),
          plans: "delete_profile disable_client delete_api delete_action delete_action",
          changes: [API_GONE, ...ACTIONS_GONE, PROFILE_GONE, DISABLED],
        },
        "ours as it should be": SETTLED,
        "ours and changed": {
          called: "it stands elsewhere",
          given: (hand) => hand.bind(LOGIN, 1),
          plans: ALL,
          changes: [
            API_GONE,
            ...ACTIONS_GONE,
            "~ bindings: enrich, login, audit, redirect → enrich, audit, redirect",
            PROFILE_GONE,
            DISABLED,
          ],
        },
        "ours with others' additions": {
          called: "another Action behind ours: it stays",
          given: (hand) => {
            hand.makeAction("later", "post-login");
            hand.bind("later");
          },
          plans: ALL,
          changes: [
            API_GONE,
            ...ACTIONS_GONE,
            "~ bindings: enrich, audit, redirect, login, later → enrich, audit, redirect, later",
            PROFILE_GONE,
            DISABLED,
          ],
        },
        "another's": {
          called: "another deployment's: it stays",
          after: [FIRST, BILLING],
          plans: ALL,
          changes: [
            API_GONE,
            ...ACTIONS_GONE,
            "~ bindings: enrich, audit, redirect, login, billing-post-login → enrich, audit, redirect, billing-post-login",
            PROFILE_GONE,
            DISABLED,
          ],
        },
        "changed between plan and apply": [
          {
            called: "somebody binds an Action and reorders: both stay",
            meanwhile: (hand) => {
              hand.makeAction("later", "post-login");
              hand.bind("later", 0);
              hand.bind("enrich");
            },
            plans: ALL,
            changes: [
              API_GONE,
              ...ACTIONS_GONE,
              "~ bindings: later, audit, redirect, login, enrich → later, audit, redirect, enrich",
              PROFILE_GONE,
              DISABLED,
            ],
          },
          {
            called: "somebody writes the list right behind us: said, and the next run goes on",
            during: {
              request: "PATCH /api/v2/actions/triggers/post-login/bindings",
              hand: (hand) => hand.bind(LOGIN, 1),
            },
            plans: ALL,
            ends: "bindings_conflict",
            changes: [
              "~ bindings: enrich, audit, redirect, login → enrich, login, audit, redirect",
              PROFILE_GONE,
            ],
            again: "unbind disable_client delete_api delete_action delete_action",
            mends: [
              API_GONE,
              ...ACTIONS_GONE,
              "~ bindings: enrich, login, audit, redirect → enrich, audit, redirect",
              DISABLED,
            ],
          },
        ],
      },
    },
    {
      effect: "disable_client",
      command,
      after: [FIRST],
      cells: {
        "nothing there": {
          called: "somebody took our type from it already",
          given: (hand) => hand.client(CLIENT_ID, ["on_behalf_of_token_exchange"]),
          plans: "delete_profile unbind delete_api delete_action delete_action",
          changes: [API_GONE, ...ACTIONS_GONE, UNBOUND, PROFILE_GONE],
        },
        "ours as it should be": SETTLED,
        "ours and changed": {
          called: "in the order of its list",
          given: (hand) => hand.client(CLIENT_ID, ["custom_authentication", "on_behalf_of_token_exchange"]),
          plans: ALL,
          changes: [
            API_GONE,
            ...ACTIONS_GONE,
            UNBOUND,
            PROFILE_GONE,
            "~ client 1: [custom on-behalf] → [on-behalf]",
          ],
        },
        "ours with others' additions": {
          called: "grant types and metadata stay",
          given: (hand) =>
            hand.changeClient(CLIENT_ID, { grant_types: ["implicit"], client_metadata: { theirs: "1" } }),
          plans: ALL,
          changes: [API_GONE, ...ACTIONS_GONE, UNBOUND, PROFILE_GONE, DISABLED],
        },
        "another's": [
          {
            called: "it had our type before us: it keeps it",
            after: [THEIR_CLIENT, FIRST],
            plans: "delete_profile unbind delete_api delete_action delete_action",
            changes: [
              API_GONE,
              LOGIN_GONE,
              EXCHANGE_GONE,
              `- mark uses: ${USES}`,
              "- mark gave: api acme, consent acme, acme read:things, acme write:things",
              UNBOUND,
              PROFILE_GONE,
            ],
          },
          {
            called:
              "another deployment uses it, and our API: both stay as they are, but for the scope that we use alone",
            after: [FIRST, SHARING],
            plans: "delete_profile unbind update_api delete_action delete_action",
            changes: [
              "~ API acme: read:things=Read write:things=Write, 86400 s, no consent → write:things=Write, 86400 s, no consent",
              ...ACTIONS_GONE,
              "~ bindings: enrich, audit, redirect, login, billing-post-login → enrich, audit, redirect, billing-post-login",
              PROFILE_GONE,
            ],
          },
          {
            called: "another deployment does not say what it uses: all stays",
            after: [FIRST, SHARING, SILENT],
            plans: "delete_profile unbind delete_action delete_action",
            changes: [
              ...ACTIONS_GONE,
              "~ bindings: enrich, audit, redirect, login, billing-post-login → enrich, audit, redirect, billing-post-login",
              PROFILE_GONE,
            ],
          },
        ],
        "changed between plan and apply": [
          {
            called: "another type goes: the list was there before us, and stays",
            meanwhile: (hand) => hand.client(CLIENT_ID, ["custom_authentication"]),
            plans: ALL,
            changes: [API_GONE, ...ACTIONS_GONE, UNBOUND, PROFILE_GONE, "~ client 1: [custom] → []"],
          },
          {
            called: "it is deleted: said, and the next run goes on",
            meanwhile: (hand) => hand.deleteClient(CLIENT_ID),
            plans: ALL,
            ends: "client_missing",
            changes: [UNBOUND, PROFILE_GONE],
            again: "delete_api delete_action delete_action",
            mends: [API_GONE, ...ACTIONS_GONE],
          },
          {
            called: "another deployment begins to use it: refused",
            meanwhile: SHARING,
            plans: ALL,
            ends: "deployment_conflict",
            changes: [],
            again: "delete_profile unbind update_api delete_action delete_action",
          },
        ],
      },
    },
    {
      effect: "update_api",
      command,
      after: [THEIR_API, LIVED],
      cells: {
        "nothing there": {
          called: "somebody deleted it",
          given: (hand) => hand.deleteApi(AUDIENCE),
          plans: "delete_profile unbind disable_client delete_action delete_action",
          changes: ALL_BUT_API,
        },
        "ours as it should be": {
          plans: CHANGED_API,
          changes: [`~ API acme: ${GIVEN} → ${TAKEN}`, ...ALL_BUT_API],
        },
        "ours and changed": [
          {
            called: "somebody set another lifetime since: that stays",
            given: (hand) => hand.api(AUDIENCE, { token_lifetime: 600 }),
            plans: CHANGED_API,
            changes: [
              "~ API acme: write:things=Write other:things=By hand read:things=Read, 600 s, no consent → write:things=Write other:things=By hand, 600 s, consent",
              ...ALL_BUT_API,
            ],
          },
          {
            called: "somebody took all of it back already",
            given: (hand) => {
              hand.removeScope(AUDIENCE, "read:things");
              hand.api(AUDIENCE, {
                token_lifetime: 900,
                skip_consent_for_verifiable_first_party_clients: false,
              });
            },
            plans: "delete_profile unbind disable_client delete_action delete_action",
            changes: ALL_BUT_API,
          },
        ],
        "ours with others' additions": {
          called: "another scope, a name and RBAC: they stay",
          given: (hand) => {
            hand.addScope(AUDIENCE, "more:things");
            hand.api(AUDIENCE, { name: "Renamed", enforce_policies: true });
          },
          plans: CHANGED_API,
          changes: [
            "~ API acme: write:things=Write other:things=By hand read:things=Read more:things=By hand, 3600 s, no consent → write:things=Write other:things=By hand more:things=By hand, 900 s, consent",
            ...ALL_BUT_API,
          ],
        },
        "another's": [
          {
            called: "another deployment uses it with another scope: no consent is asked for still",
            after: [THEIR_API, LIVED, SHARING],
            plans: "delete_profile unbind update_api delete_action delete_action",
            changes: [
              `~ API acme: ${GIVEN} → write:things=Write other:things=By hand, 900 s, no consent`,
              LOGIN_GONE,
              EXCHANGE_GONE,
              `- mark uses: ${USES_HOUR}`,
              "- mark gave: client 1 (list), consent acme, acme 900 s, acme read:things",
              "- mark others: other:things",
              "~ bindings: enrich, audit, redirect, login, billing-post-login → enrich, audit, redirect, billing-post-login",
              PROFILE_GONE,
            ],
          },
          {
            called: "another deployment wants the same lifetime: it stays",
            after: [THEIR_API, LIVED, SHARING_LIFETIME],
            plans: CHANGED_API,
            changes: [
              `~ API acme: ${GIVEN} → write:things=Write other:things=By hand, 3600 s, no consent`,
              LOGIN_GONE,
              EXCHANGE_GONE,
              `- mark uses: ${USES_HOUR}`,
              "- mark gave: client 1 (list), consent acme, acme 900 s, acme read:things",
              "- mark others: other:things",
              "~ bindings: enrich, audit, redirect, login, billing-post-login → enrich, audit, redirect, billing-post-login",
              PROFILE_GONE,
              DISABLED,
            ],
          },
        ],
        "changed between plan and apply": [
          {
            called: "somebody adds a scope: it stays",
            meanwhile: (hand) => hand.addScope(AUDIENCE, "more:things"),
            plans: CHANGED_API,
            changes: [
              "~ API acme: write:things=Write other:things=By hand read:things=Read more:things=By hand, 3600 s, no consent → write:things=Write other:things=By hand more:things=By hand, 900 s, consent",
              ...ALL_BUT_API,
            ],
          },
          {
            called: "it is deleted: said, and the next run goes on",
            meanwhile: (hand) => hand.deleteApi(AUDIENCE),
            plans: CHANGED_API,
            ends: "management_refused",
            changes: [UNBOUND, PROFILE_GONE, DISABLED],
            again: "delete_action delete_action",
            mends: [
              LOGIN_GONE,
              EXCHANGE_GONE,
              `- mark uses: ${USES_HOUR}`,
              "- mark gave: client 1 (list), consent acme, acme 900 s, acme read:things",
              "- mark others: other:things",
            ],
          },
        ],
      },
    },
    {
      effect: "delete_api",
      command,
      after: [FIRST],
      cells: {
        "nothing there": {
          called: "somebody deleted it already",
          given: (hand) => hand.deleteApi(AUDIENCE),
          plans: "delete_profile unbind disable_client delete_action delete_action",
          changes: [...ACTIONS_GONE, UNBOUND, PROFILE_GONE, DISABLED],
        },
        "ours as it should be": SETTLED,
        "ours and changed": {
          called: "in its scopes, its lifetime, its consent",
          given: (hand) => {
            hand.removeScope(AUDIENCE, "write:things");
            hand.api(AUDIENCE, { token_lifetime: 7, skip_consent_for_verifiable_first_party_clients: false });
          },
          plans: ALL,
          changes: [
            "- API acme: read:things=Read, 7 s, consent",
            ...ACTIONS_GONE,
            UNBOUND,
            PROFILE_GONE,
            DISABLED,
          ],
        },
        "ours with others' additions": {
          called: "a scope of others: it stays with its API, and ours are taken out",
          given: (hand) => hand.addScope(AUDIENCE, "other:things"),
          says: ["API https://api.acme.example stays: this deployment did not add other:things"],
          plans: CHANGED_API,
          changes: [
            "~ API acme: read:things=Read write:things=Write other:things=By hand, 86400 s, no consent → other:things=By hand, 86400 s, consent",
            ...ACTIONS_GONE,
            UNBOUND,
            PROFILE_GONE,
            DISABLED,
          ],
        },
        "another's": "an API that was there before us is not deleted: see update_api",
        "changed between plan and apply": [
          {
            called: "it is deleted",
            meanwhile: (hand) => hand.deleteApi(AUDIENCE),
            plans: ALL,
            changes: [...ACTIONS_GONE, UNBOUND, PROFILE_GONE, DISABLED],
          },
          {
            called: "somebody adds a scope: said, and the next run lets it be",
            meanwhile: (hand) => hand.addScope(AUDIENCE, "other:things"),
            plans: ALL,
            ends: "deployment_conflict",
            changes: [UNBOUND, PROFILE_GONE, DISABLED],
            again: "update_api delete_action delete_action",
            mends: [
              "~ API acme: read:things=Read write:things=Write other:things=By hand, 86400 s, no consent → other:things=By hand, 86400 s, consent",
              ...ACTIONS_GONE,
            ],
          },
        ],
      },
    },
    {
      effect: "set_ip_throttling",
      command,
      after: [THEIR_THROTTLING, THROTTLED],
      cells: {
        "nothing there": ONE_SWITCH,
        "ours as it should be": { plans: WITH_THROTTLING, changes: [AS_BEFORE, ...ALL_BUT_THROTTLING] },
        "ours and changed": {
          called: "somebody set it since: that stays",
          given: (hand) => hand.throttle(40, 4_000),
          plans: ALL,
          changes: ALL_BUT_THROTTLING,
        },
        "ours with others' additions": {
          called: "another stage and an allowlist stay",
          given: (hand) => hand.throttleElsewhere(),
          plans: WITH_THROTTLING,
          changes: [AS_BEFORE, ...ALL_BUT_THROTTLING],
        },
        "another's": [
          {
            called: "it was set so before us: it stays",
            after: [{ called: "throttled by them", hand: (hand) => hand.throttle(20, 60_000) }, THROTTLED],
            plans: ALL,
            changes: [
              API_GONE,
              LOGIN_GONE,
              EXCHANGE_GONE,
              `- mark uses: ${USES}, throttling 20 / 60000 ms`,
              `- mark gave: ${GAVE}`,
              UNBOUND,
              PROFILE_GONE,
              DISABLED,
            ],
          },
          {
            called: "another deployment wants the same: it stays",
            after: [THEIR_THROTTLING, THROTTLED, SHARING_THROTTLED],
            plans: ALL,
            changes: ALL_BUT_THROTTLING.map((line) =>
              line === UNBOUND
                ? "~ bindings: enrich, audit, redirect, login, billing-post-login → enrich, audit, redirect, billing-post-login"
                : line,
            ),
          },
        ],
        "changed between plan and apply": {
          called: "another stage and an allowlist stay",
          meanwhile: (hand) => hand.throttleElsewhere(),
          plans: WITH_THROTTLING,
          changes: [AS_BEFORE, ...ALL_BUT_THROTTLING],
        },
      },
    },
    {
      effect: "delete_action",
      command,
      after: [FIRST],
      cells: {
        "nothing there": [
          {
            called: "somebody deleted post-login's already",
            given: (hand) => hand.deleteAction(LOGIN),
            plans: "delete_profile disable_client delete_api delete_action",
            changes: [API_GONE, EXCHANGE_GONE, ...MARKS_GONE, PROFILE_GONE, DISABLED],
          },
          {
            called: "somebody deleted both already: the journal knows what was given",
            given: (hand) => {
              hand.deleteProfile(TYPE);
              hand.deleteAction(LOGIN);
              hand.deleteAction(EXCHANGE);
            },
            plans: "disable_client delete_api",
            changes: [API_GONE, DISABLED],
          },
          {
            called: "somebody deleted both already, and uses the API: it stays with its scope",
            given: (hand) => {
              hand.deleteProfile(TYPE);
              hand.deleteAction(LOGIN);
              hand.deleteAction(EXCHANGE);
              hand.addScope(AUDIENCE, "other:things");
            },
            plans: "disable_client update_api",
            changes: [
              "~ API acme: read:things=Read write:things=Write other:things=By hand, 86400 s, no consent → other:things=By hand, 86400 s, consent",
              DISABLED,
            ],
          },
          {
            called: "there was never anything: refused, whoever else is there",
            after: [BILLING],
            now: FIRST,
            plans: command === "destroy" ? "!deployment_unknown" : "!journal_missing",
            changes: [],
          },
        ],
        "ours as it should be": SETTLED,
        "ours and changed": [
          {
            called:
              "its code: it is known by its id; a rollback is refused, since a later version runs than the journal knows of",
            given: (hand) => hand.deploy(LOGIN, { code: THEIRS }),
            ...unlessRollback(ALL, [
              API_GONE,
              "- Action login: v2 theirs",
              EXCHANGE_GONE,
              ...MARKS_GONE,
              UNBOUND,
              PROFILE_GONE,
              DISABLED,
            ]),
          },
          {
            called: "its code, and the journal is lost: it stays, and that is said",
            given: (hand) => hand.deploy(LOGIN, { code: THEIRS }),
            isJournalLost: true,
            ...unlessRollback("delete_profile disable_client delete_api delete_action", [
              API_GONE,
              EXCHANGE_GONE,
              ...MARKS_GONE,
              PROFILE_GONE,
              DISABLED,
            ]),
          },
          {
            called: "its draft",
            given: (hand) => hand.draft(LOGIN, { code: THEIRS }),
            plans: ALL,
            changes: [
              API_GONE,
              "- Action login: v1 ours, draft theirs",
              EXCHANGE_GONE,
              ...MARKS_GONE,
              UNBOUND,
              PROFILE_GONE,
              DISABLED,
            ],
          },
        ],
        "ours with others' additions": {
          called: "a secret: an Action is ours as a whole",
          given: (hand) => hand.deploy(LOGIN, { secrets: [hand.secret("THEIRS", "1")] }),
          ...unlessRollback(ALL, [
            API_GONE,
            "- Action login: v2 ours THEIRS=1",
            EXCHANGE_GONE,
            ...MARKS_GONE,
            UNBOUND,
            PROFILE_GONE,
            DISABLED,
          ]),
        },
        "another's": [
          {
            called: "somebody's in the place of ours: it stays, bound",
            given: (hand) => {
              hand.deleteAction(LOGIN);
              hand.makeAction(LOGIN, "post-login");
              hand.bind(LOGIN);
            },
            says: ["api-keys-post-login is not of this deployment, and stays"],
            plans: "delete_profile disable_client delete_api delete_action",
            changes: [API_GONE, EXCHANGE_GONE, ...MARKS_GONE, PROFILE_GONE, DISABLED],
          },
          {
            called: "somebody's code from another tenant, and the journal is lost: it stays",
            given: (hand) => hand.copyFromElsewhere(LOGIN),
            isJournalLost: true,
            ...unlessRollback("delete_profile disable_client delete_api delete_action", [
              API_GONE,
              EXCHANGE_GONE,
              PROFILE_GONE,
              DISABLED,
            ]),
          },
          {
            called: "another deployment's: they stay",
            after: [BILLING, FIRST],
            plans: ALL,
            changes: [
              API_GONE,
              ...ACTIONS_GONE,
              "~ bindings: enrich, audit, redirect, billing-post-login, login → enrich, audit, redirect, billing-post-login",
              PROFILE_GONE,
              DISABLED,
            ],
          },
        ],
        "changed between plan and apply": [
          {
            called: "it is deleted",
            meanwhile: (hand) => hand.deleteAction(LOGIN),
            plans: ALL,
            changes: [API_GONE, EXCHANGE_GONE, ...MARKS_GONE, PROFILE_GONE, DISABLED],
          },
          {
            called: "somebody puts one of its name in its place: it stays",
            meanwhile: (hand) => {
              hand.deleteAction(LOGIN);
              hand.makeAction(LOGIN, "post-login");
            },
            plans: ALL,
            changes: [API_GONE, EXCHANGE_GONE, ...MARKS_GONE, PROFILE_GONE, DISABLED],
          },
        ],
      },
    },
  ];
}
