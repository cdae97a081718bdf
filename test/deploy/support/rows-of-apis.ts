import { AUDIENCE } from "../../support/stage.ts";
import {
  DESCRIBED,
  DIED,
  FIRST,
  LIVED,
  OTHER_SCOPE,
  SHARING,
  SHARING_LIFETIME,
  THEIR_API,
} from "./applications.ts";
import type { Row } from "./change-cell.ts";

const WHOLE = "read:things=Read write:things=Write, 86400 s, no consent";

const USES = "api acme, consent acme, acme read:things, acme write:things, client 1";
const API_MADE = `+ API acme: ${WHOLE}`;
const ACTIONS_MADE = ["+ Action login: v1 ours", "+ Action exchange: v1 ours"];
const BOUND = "~ bindings: enrich, audit, redirect → enrich, audit, redirect, login";
const PROFILE_MADE = "+ profile acme: api-keys → exchange";
const ENABLED = "~ client 1: [on-behalf] → [on-behalf custom]";
const BOTH_AGAIN = ["~ Action login: v1 ours → v2 ours", "~ Action exchange: v1 ours → v2 ours"];
const GAVE = "api acme, client 1 (list), consent acme, acme read:things, acme write:things";
/** All of a first application, but for the API. */
const FIRST_TIME = [...ACTIONS_MADE, BOUND, PROFILE_MADE, ENABLED, `+ mark uses: ${USES}`];
const SETTLED = "the same run as that of create_api: there is one tenant that is as it should be";
const ONE_SWITCH = "a switch or a number is always there";

/** What `apply` does to APIs. */
export const ROWS_OF_APIS: readonly Row[] = [
  {
    effect: "create_api",
    command: "apply",
    after: [FIRST],
    cells: {
      "nothing there": [
        {
          called: "on a tenant of others alone",
          after: [],
          now: FIRST,
          plans: "create_api create_action create_action bind create_profile enable_client",
          changes: [API_MADE, ...FIRST_TIME, `+ mark gave: ${GAVE}`],
        },
        {
          called: "it was deleted",
          given: (hand) => hand.deleteApi(AUDIENCE),
          plans: "create_api",
          changes: [API_MADE],
        },
        {
          called: "with a lifetime",
          after: [LIVED],
          given: (hand) => hand.deleteApi(AUDIENCE),
          plans: "create_api",
          changes: ["+ API acme: read:things=Read write:things=Write, 3600 s, no consent"],
        },
      ],
      "ours as it should be": { plans: "", changes: [] },
      "ours and changed": "an API that is there is not made: see update_api",
      "ours with others' additions": {
        called: "a run that died made it, and somebody added a scope: that is not counted as given",
        after: [DIED, OTHER_SCOPE],
        plans: "create_action create_action bind create_profile enable_client",
        changes: [...FIRST_TIME, `+ mark gave: ${GAVE}`, "+ mark others: other:things"],
      },
      "another's": [
        {
          called: "another deployment made it: it counts as given by both",
          after: [SHARING],
          now: FIRST,
          plans: "update_api create_action create_action bind create_profile",
          changes: [
            "~ API acme: write:things=Write, 86400 s, no consent → write:things=Write read:things=Read, 86400 s, no consent",
            ...ACTIONS_MADE,
            "~ bindings: enrich, audit, redirect, billing-post-login → enrich, audit, redirect, billing-post-login, login",
            PROFILE_MADE,
            `+ mark uses: ${USES}`,
            `+ mark gave: ${GAVE}`,
          ],
        },
      ],
      "changed between plan and apply": [
        {
          called: "another makes it first: refused, and the next run does not count it as given",
          after: [],
          now: FIRST,
          meanwhile: (hand) => {
            hand.api(AUDIENCE);
            hand.addScope(AUDIENCE, "other:things");
          },
          plans: "create_api create_action create_action bind create_profile enable_client",
          ends: "management_refused",
          changes: [],
          again: "update_api create_action create_action bind create_profile enable_client",
          mends: [
            "~ API acme: other:things=By hand, 86400 s, consent → other:things=By hand read:things=Read write:things=Write, 86400 s, no consent",
            ...FIRST_TIME,
            "+ mark gave: client 1 (list), consent acme, acme read:things, acme write:things",
            "+ mark others: other:things",
          ],
        },
      ],
    },
  },
  {
    effect: "update_api",
    form: "scopes",
    command: "apply",
    after: [FIRST],
    cells: {
      "nothing there": {
        called: "an API without a scope",
        given: (hand) => {
          hand.removeScope(AUDIENCE, "read:things");
          hand.removeScope(AUDIENCE, "write:things");
        },
        plans: "update_api",
        changes: [`~ API acme: no scopes, 86400 s, no consent → ${WHOLE}`],
      },
      "ours as it should be": SETTLED,
      "ours and changed": {
        called: "one was removed: it comes last, the others stay in their places",
        given: (hand) => hand.removeScope(AUDIENCE, "read:things"),
        plans: "update_api",
        changes: [
          "~ API acme: write:things=Write, 86400 s, no consent → write:things=Write read:things=Read, 86400 s, no consent",
        ],
      },
      "ours with others' additions": [
        {
          called: "a scope of others: it stays, and tokens are rid of it",
          given: (hand) => {
            hand.removeScope(AUDIENCE, "write:things");
            hand.addScope(AUDIENCE, "other:things");
          },
          plans: "update_api update_action update_action",
          changes: [
            "~ API acme: read:things=Read other:things=By hand, 86400 s, no consent → read:things=Read other:things=By hand write:things=Write, 86400 s, no consent",
            ...BOTH_AGAIN,
            "+ mark others: other:things",
          ],
        },
        {
          called: "a name, a dialect and RBAC of others: they stay",
          given: (hand) => {
            hand.removeScope(AUDIENCE, "write:things");
            hand.api(AUDIENCE, { name: "Ours, says a person", token_dialect: "access_token_authz" });
            hand.api(AUDIENCE, { enforce_policies: true, allow_offline_access: true });
          },
          plans: "update_api",
          changes: [`~ API acme: read:things=Read, 86400 s, no consent → ${WHOLE}`],
        },
      ],
      "another's": {
        called: "it was there before us: scopes and consent are given, and not the API",
        after: [THEIR_API],
        now: FIRST,
        plans: "update_api create_action create_action bind create_profile enable_client",
        changes: [
          "~ API acme: write:things=Write other:things=By hand, 900 s, consent → write:things=Write other:things=By hand read:things=Read, 900 s, no consent",
          ...FIRST_TIME,
          "+ mark gave: client 1 (list), consent acme, acme read:things",
          "+ mark others: other:things",
        ],
      },
      "changed between plan and apply": [
        {
          called: "another adds a scope: it stays, and the next run rids tokens of it",
          given: (hand) => hand.removeScope(AUDIENCE, "write:things"),
          meanwhile: (hand) => hand.addScope(AUDIENCE, "other:things"),
          plans: "update_api",
          changes: [
            "~ API acme: read:things=Read other:things=By hand, 86400 s, no consent → read:things=Read other:things=By hand write:things=Write, 86400 s, no consent",
          ],
          again: "update_action update_action",
          mends: [...BOTH_AGAIN, "+ mark others: other:things"],
        },
        {
          called: "it is deleted: refused, and the next run makes it",
          given: (hand) => hand.removeScope(AUDIENCE, "write:things"),
          meanwhile: (hand) => hand.deleteApi(AUDIENCE),
          plans: "update_api",
          ends: "management_refused",
          changes: [],
          again: "create_api",
          mends: [API_MADE],
        },
      ],
    },
  },
  {
    effect: "update_api",
    form: "descriptions",
    command: "apply",
    after: [FIRST],
    cells: {
      "nothing there": {
        called: "a scope without a description",
        given: (hand) => hand.describeScope(AUDIENCE, "read:things", ""),
        plans: "update_api",
        changes: [`~ API acme: read:things write:things=Write, 86400 s, no consent → ${WHOLE}`],
      },
      "ours as it should be": SETTLED,
      "ours and changed": [
        {
          called: "on the tenant",
          given: (hand) => hand.describeScope(AUDIENCE, "read:things", "Other words"),
          plans: "update_api",
          changes: [`~ API acme: read:things=Other words write:things=Write, 86400 s, no consent → ${WHOLE}`],
        },
        {
          called: "in the configuration",
          now: DESCRIBED,
          plans: "update_api",
          changes: [`~ API acme: ${WHOLE} → read:things=Read write:things=Write anew, 86400 s, no consent`],
        },
      ],
      "ours with others' additions": {
        called: "a description of another scope: it stays",
        now: DESCRIBED,
        given: (hand) => hand.addScope(AUDIENCE, "other:things", "Their words"),
        plans: "update_api update_action update_action",
        changes: [
          "~ API acme: read:things=Read write:things=Write other:things=Their words, 86400 s, no consent → read:things=Read write:things=Write anew other:things=Their words, 86400 s, no consent",
          ...BOTH_AGAIN,
          "+ mark others: other:things",
        ],
      },
      "another's": {
        called: "what others called a scope that is configured: it is described as configured",
        after: [THEIR_API],
        now: DESCRIBED,
        plans: "update_api create_action create_action bind create_profile enable_client",
        changes: [
          "~ API acme: write:things=Write other:things=By hand, 900 s, consent → write:things=Write anew other:things=By hand read:things=Read, 900 s, no consent",
          ...FIRST_TIME,
          "+ mark gave: client 1 (list), consent acme, acme read:things",
          "+ mark others: other:things",
        ],
      },
      "changed between plan and apply": {
        called: "another describes another of our scopes: it stays until the next run, and the first says so",
        now: DESCRIBED,
        meanwhile: (hand) => hand.describeScope(AUDIENCE, "read:things", "Other words"),
        plans: "update_api",
        ends: "deployment_unsettled",
        changes: [
          "~ API acme: read:things=Other words write:things=Write, 86400 s, no consent → read:things=Other words write:things=Write anew, 86400 s, no consent",
        ],
        again: "update_api",
        mends: [
          "~ API acme: read:things=Other words write:things=Write anew, 86400 s, no consent → read:things=Read write:things=Write anew, 86400 s, no consent",
        ],
      },
    },
  },
  {
    effect: "update_api",
    form: "consent",
    command: "apply",
    after: [FIRST],
    cells: {
      "nothing there": ONE_SWITCH,
      "ours as it should be": SETTLED,
      "ours and changed": {
        given: (hand) => hand.api(AUDIENCE, { skip_consent_for_verifiable_first_party_clients: false }),
        plans: "update_api",
        changes: [`~ API acme: read:things=Read write:things=Write, 86400 s, consent → ${WHOLE}`],
      },
      "ours with others' additions": {
        called: "who may get tokens for it: it stays",
        given: (hand) => {
          const subject_type_authorization = { user: { policy: "require_client_grant" as const } };
          hand.api(AUDIENCE, { subject_type_authorization });
          hand.api(AUDIENCE, { skip_consent_for_verifiable_first_party_clients: false });
        },
        plans: "update_api",
        changes: [`~ API acme: read:things=Read write:things=Write, 86400 s, consent → ${WHOLE}`],
      },
      "another's": {
        called: "off already, and not by us: it is not given",
        after: [THEIR_API],
        now: FIRST,
        given: (hand) => hand.api(AUDIENCE, { skip_consent_for_verifiable_first_party_clients: true }),
        plans: "update_api create_action create_action bind create_profile enable_client",
        changes: [
          "~ API acme: write:things=Write other:things=By hand, 900 s, no consent → write:things=Write other:things=By hand read:things=Read, 900 s, no consent",
          ...FIRST_TIME,
          "+ mark gave: client 1 (list), acme read:things",
          "+ mark others: other:things",
        ],
      },
      "changed between plan and apply": [
        {
          called: "another turns it off first",
          given: (hand) => hand.api(AUDIENCE, { skip_consent_for_verifiable_first_party_clients: false }),
          meanwhile: (hand) => hand.api(AUDIENCE, { skip_consent_for_verifiable_first_party_clients: true }),
          plans: "update_api",
          changes: [],
        },
        {
          called: "another turns it on again behind us",
          given: (hand) => hand.removeScope(AUDIENCE, "write:things"),
          meanwhile: (hand) => hand.api(AUDIENCE, { skip_consent_for_verifiable_first_party_clients: false }),
          plans: "update_api",
          ends: "deployment_unsettled",
          changes: [
            "~ API acme: read:things=Read, 86400 s, consent → read:things=Read write:things=Write, 86400 s, consent",
          ],
          again: "update_api",
          mends: [`~ API acme: read:things=Read write:things=Write, 86400 s, consent → ${WHOLE}`],
        },
      ],
    },
  },
  {
    effect: "update_api",
    form: "lifetime",
    command: "apply",
    after: [LIVED],
    cells: {
      "nothing there": ONE_SWITCH,
      "ours as it should be": { plans: "", changes: [] },
      "ours and changed": {
        given: (hand) => hand.api(AUDIENCE, { token_lifetime: 600 }),
        plans: "update_api",
        changes: [
          "~ API acme: read:things=Read write:things=Write, 600 s, no consent → read:things=Read write:things=Write, 3600 s, no consent",
        ],
      },
      "ours with others' additions": {
        called: "refresh tokens: they stay",
        given: (hand) => hand.api(AUDIENCE, { token_lifetime: 600, allow_offline_access: true }),
        plans: "update_api",
        changes: [
          "~ API acme: read:things=Read write:things=Write, 600 s, no consent → read:things=Read write:things=Write, 3600 s, no consent",
        ],
      },
      "another's": [
        {
          called: "what it was is noted",
          after: [THEIR_API],
          now: LIVED,
          plans: "update_api create_action create_action bind create_profile enable_client",
          changes: [
            "~ API acme: write:things=Write other:things=By hand, 900 s, consent → write:things=Write other:things=By hand read:things=Read, 3600 s, no consent",
            ...ACTIONS_MADE,
            BOUND,
            PROFILE_MADE,
            ENABLED,
            "+ mark uses: api acme, consent acme, acme read:things, acme write:things, acme 3600 s, client 1",
            "+ mark gave: client 1 (list), consent acme, acme 900 s, acme read:things",
            "+ mark others: other:things",
          ],
        },
        {
          called: "another deployment sets another: refused",
          after: [SHARING_LIFETIME],
          now: {
            ...LIVED,
            config: {
              ...LIVED.config,
              apis: [
                { identifier: AUDIENCE, scopes: { "read:things": "Read" }, tokenLifetimeSeconds: 7_200 },
              ],
            },
          },
          plans: "!deployment_conflict",
          changes: [],
          again: "!deployment_conflict",
        },
        {
          called: "another deployment sets the same",
          after: [SHARING_LIFETIME],
          now: LIVED,
          plans: "update_api create_action create_action bind create_profile enable_client",
          changes: [
            "~ API acme: write:things=Write, 3600 s, no consent → write:things=Write read:things=Read, 3600 s, no consent",
            ...ACTIONS_MADE,
            "~ bindings: enrich, audit, redirect, billing-post-login → enrich, audit, redirect, billing-post-login, login",
            PROFILE_MADE,
            ENABLED,
            "+ mark uses: api acme, consent acme, acme read:things, acme write:things, acme 3600 s, client 1",
            "+ mark gave: api acme, client 1 (list), consent acme, acme 3600 s, acme read:things, acme write:things",
          ],
        },
      ],
      "changed between plan and apply": {
        called: "another sets it too: it is as configured, and the next run finds nothing",
        given: (hand) => hand.api(AUDIENCE, { token_lifetime: 600 }),
        meanwhile: (hand) => hand.api(AUDIENCE, { token_lifetime: 700 }),
        plans: "update_api",
        changes: [
          "~ API acme: read:things=Read write:things=Write, 700 s, no consent → read:things=Read write:things=Write, 3600 s, no consent",
        ],
      },
    },
  },
];
