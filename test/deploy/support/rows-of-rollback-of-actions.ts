import {
  BILLING,
  BOUND_FIRST,
  EXCHANGE_DELETED,
  REMADE,
  FIRST,
  LESS_PRUNED,
  RETYPED,
  TOKEN,
  TOKEN_DIED,
  OLDER_RUNTIME,
} from "./applications.ts";
import type { Row } from "./change-cell.ts";
import { THEIRS } from "./hand.ts";

const LOGIN = "api-keys-post-login";
const EXCHANGE = "api-keys-custom-token-exchange";
const TYPE = "urn:acme:api-key";
const OTHER_TYPE = "urn:acme:other-key";

const WHOLE = "read:things=Read write:things=Write, 86400 s, no consent";
const LESSER = "read:things=Read, 86400 s, no consent";
const USES = "api acme, consent acme, acme read:things, acme write:things, client 1";
const USES_LESS = "api acme, consent acme, acme read:things, client 1";
const GAVE = "api acme, client 1 (list), consent acme, acme read:things, acme write:things";
const GAVE_LESS = "api acme, client 1 (list), consent acme, acme read:things";
const BACK = ["~ Action login: v2 ours → v3 as v1", "~ Action exchange: v2 ours → v3 as v1"];
const VERSIONS = "deploy_version deploy_version";
/** What the rollback before that takes back, as it is planned next. */
const FIRST_BACK = "delete_profile unbind disable_client delete_api delete_action delete_action";
const EXCHANGE_BACK = "~ Action exchange: v2 ours UPSTASH_REDIS_REST_TOKEN=another → v3 as v1";
/** What a rollback of a later application does to Actions, bindings and profiles. */
export const ROWS_OF_ROLLBACK_OF_ACTIONS: readonly Row[] = [
  {
    effect: "deploy_version",
    form: "exchange",
    command: "rollback",
    after: [FIRST, TOKEN],
    cells: {
      "nothing there": {
        called: "somebody deleted the Action: it cannot be made again, and that is said",
        given: (hand) => {
          hand.deleteProfile(TYPE);
          hand.deleteAction(EXCHANGE);
        },
        plans: "",
        says: ["api-keys-custom-token-exchange is gone and cannot be made again"],
        changes: [],
        again: "unbind disable_client delete_api delete_action",
      },
      "ours as it should be": [
        {
          plans: "deploy_version",
          says: ["api-keys-custom-token-exchange gets version 1's own secrets back"],
          changes: [EXCHANGE_BACK],
          again: FIRST_BACK,
        },
        {
          called:
            "another pipeline made it anew: its versions are gone, which is said, and its profile stays",
          after: [FIRST, TOKEN, EXCHANGE_DELETED, REMADE],
          now: TOKEN,
          plans: "",
          says: ["api-keys-custom-token-exchange was made anew since: its version 1 is gone"],
          changes: [],
          again: FIRST_BACK,
        },
        {
          called: "the application died once it was deployed: it is taken back all the same",
          after: [FIRST, TOKEN_DIED],
          plans: "deploy_version",
          changes: [EXCHANGE_BACK],
          again: FIRST_BACK,
        },
      ],
      "ours and changed": [
        {
          called: "somebody deployed since: the journal is older than the tenant, and refused",
          given: (hand) => hand.deploy(EXCHANGE, { code: THEIRS }),
          plans: "!journal_missing",
          changes: [],
        },
        {
          called: "its draft: that comes back, too",
          given: (hand) => hand.draft(EXCHANGE, { code: THEIRS }),
          plans: "deploy_version",
          changes: [
            "~ Action exchange: v2 ours UPSTASH_REDIS_REST_TOKEN=another, draft theirs UPSTASH_REDIS_REST_TOKEN=another → v3 as v1",
          ],
          again: FIRST_BACK,
        },
      ],
      "ours with others' additions": "an Action is ours as a whole: what is added to it is a change",
      "another's": {
        called: "somebody's in the place of ours: it stays",
        given: (hand) => {
          hand.deleteProfile(TYPE);
          hand.deleteAction(EXCHANGE);
          hand.makeAction(EXCHANGE, "custom-token-exchange");
        },
        plans: "",
        says: [
          "api-keys-custom-token-exchange is not of this deployment, and stays",
          "gone and cannot be made again",
        ],
        changes: [],
        again: "unbind disable_client delete_api delete_action",
      },
      "changed between plan and apply": [
        {
          called: "somebody deploys: the version of before runs all the same",
          meanwhile: (hand) => hand.deploy(EXCHANGE, { code: THEIRS }),
          plans: "deploy_version",
          changes: ["~ Action exchange: v3 theirs UPSTASH_REDIS_REST_TOKEN=another → v4 as v1"],
          again: FIRST_BACK,
        },
        {
          called: "it is deleted: refused, and the next run goes on",
          meanwhile: (hand) => {
            hand.deleteProfile(TYPE);
            hand.deleteAction(EXCHANGE);
          },
          plans: "deploy_version",
          ends: "management_refused",
          changes: [],
          again: "",
        },
      ],
    },
  },
  {
    effect: "deploy_version",
    form: "post-login",
    command: "rollback",
    after: [FIRST, LESS_PRUNED],
    cells: {
      "nothing there": {
        called: "somebody deleted it: it cannot be made again, and that is said",
        given: (hand) => hand.deleteAction(LOGIN),
        plans: "update_api deploy_version",
        changes: [
          `~ API acme: ${LESSER} → ${WHOLE}`,
          "~ Action exchange: v2 ours → v3 as v1",
          `~ mark uses: ${USES_LESS} → ${USES}`,
          `~ mark gave: ${GAVE_LESS} → ${GAVE}`,
        ],
        again: "delete_profile disable_client delete_api delete_action",
      },
      "ours as it should be": "the same run as that of update_api: scopes",
      "ours and changed": [
        {
          called: "somebody deployed since: the journal is older than the tenant, and refused",
          given: (hand) => hand.deploy(LOGIN, { code: THEIRS }),
          plans: "!journal_missing",
          changes: [],
        },
        {
          called: "its runtime alone, before the last application: the older one comes back",
          after: [FIRST, OLDER_RUNTIME, TOKEN],
          plans: VERSIONS,
          changes: ["~ Action login: v3 as v1 → v4 as v2 node18", EXCHANGE_BACK],
          again: FIRST_BACK,
        },
      ],
      "ours with others' additions": "an Action is ours as a whole: what is added to it is a change",
      "another's": {
        called: "another's, in the place of ours: it stays",
        given: (hand) => {
          hand.deleteAction(LOGIN);
          hand.makeAction(LOGIN, "post-login");
          hand.bind(LOGIN);
        },
        plans: "update_api deploy_version",
        changes: [
          `~ API acme: ${LESSER} → ${WHOLE}`,
          "~ Action exchange: v2 ours → v3 as v1",
          `~ mark uses: ${USES_LESS} → ${USES}`,
          `~ mark gave: ${GAVE_LESS} → ${GAVE}`,
        ],
        again: "delete_profile disable_client delete_api delete_action",
      },
      "changed between plan and apply": {
        called: "somebody deploys: the version of before runs all the same",
        meanwhile: (hand) => hand.deploy(LOGIN, { code: THEIRS }),
        plans: `update_api ${VERSIONS}`,
        changes: [
          `~ API acme: ${LESSER} → ${WHOLE}`,
          "~ Action login: v3 theirs → v4 as v1",
          "~ Action exchange: v2 ours → v3 as v1",
          `~ mark uses: ${USES_LESS} → ${USES}`,
          `~ mark gave: ${GAVE_LESS} → ${GAVE}`,
        ],
        again: FIRST_BACK,
      },
    },
  },
  {
    effect: "bind",
    command: "rollback",
    after: [FIRST, BOUND_FIRST],
    cells: {
      "nothing there": {
        called: "somebody unbound it",
        given: (hand) => hand.unbind(LOGIN),
        plans: "bind",
        changes: ["~ bindings: enrich, audit, redirect → enrich, audit, redirect, login"],
        again: FIRST_BACK,
      },
      "ours as it should be": [
        {
          plans: "bind",
          changes: ["~ bindings: login, enrich, audit, redirect → enrich, audit, redirect, login"],
          again: FIRST_BACK,
        },
        {
          called: "and stood first before",
          after: [BOUND_FIRST, FIRST],
          plans: "bind",
          changes: ["~ bindings: enrich, audit, redirect, login → login, enrich, audit, redirect"],
          again: FIRST_BACK,
        },
      ],
      "ours and changed": {
        called: "it stands elsewhere",
        given: (hand) => hand.bind(LOGIN, 1),
        plans: "bind",
        changes: ["~ bindings: enrich, login, audit, redirect → enrich, audit, redirect, login"],
        again: FIRST_BACK,
      },
      "ours with others' additions": [
        {
          called: "another Action in front: ours goes behind those that it stood behind",
          given: (hand) => {
            hand.makeAction("early", "post-login");
            hand.bind("early", 0);
          },
          plans: "bind",
          changes: [
            "~ bindings: early, login, enrich, audit, redirect → early, enrich, audit, redirect, login",
          ],
          again: FIRST_BACK,
        },
        {
          called: "another Action in front, since an application that moved nothing: nothing moves",
          after: [FIRST, TOKEN],
          given: (hand) => {
            hand.makeAction("early", "post-login");
            hand.bind("early", 0);
          },
          plans: "deploy_version",
          changes: [EXCHANGE_BACK],
          again: FIRST_BACK,
        },
        {
          called: "one of those that it stood behind is gone",
          given: (hand) => hand.unbind("redirect"),
          plans: "bind",
          changes: ["~ bindings: login, enrich, audit → enrich, audit, login"],
          again: FIRST_BACK,
        },
      ],
      "another's": {
        called: "another deployment's, bound since",
        after: [FIRST, BOUND_FIRST, BILLING],
        plans: "bind",
        changes: [
          "~ bindings: login, enrich, audit, redirect, billing-post-login → enrich, audit, redirect, login, billing-post-login",
        ],
        again: FIRST_BACK,
      },
      "changed between plan and apply": [
        {
          called: "somebody binds one in front: ours goes behind those that it stood behind",
          meanwhile: (hand) => {
            hand.makeAction("early", "post-login");
            hand.bind("early", 0);
          },
          plans: "bind",
          changes: [
            "~ bindings: early, login, enrich, audit, redirect → early, enrich, audit, redirect, login",
          ],
          again: FIRST_BACK,
        },
        {
          called: "somebody writes the list right behind us: said, and the next run goes on",
          during: {
            request: "PATCH /api/v2/actions/triggers/post-login/bindings",
            hand: (hand) => hand.unbind(LOGIN),
          },
          plans: "bind",
          ends: "bindings_conflict",
          changes: ["~ bindings: login, enrich, audit, redirect → enrich, audit, redirect"],
          again: "bind",
          mends: ["~ bindings: enrich, audit, redirect → enrich, audit, redirect, login"],
        },
      ],
    },
  },
  {
    effect: "create_profile",
    command: "rollback",
    after: [FIRST, TOKEN],
    cells: {
      "nothing there": {
        called: "somebody deleted it",
        given: (hand) => hand.deleteProfile(TYPE),
        plans: "create_profile deploy_version",
        changes: ["+ profile acme: api-keys → exchange", EXCHANGE_BACK],
        again: FIRST_BACK,
      },
      "ours as it should be": "the same run as that of deploy_version: exchange",
      "ours and changed": "a profile that is there is changed: see update_profile",
      "ours with others' additions": {
        called: "somebody's profile of another type for our Action: it stays",
        given: (hand) => {
          hand.deleteProfile(TYPE);
          hand.makeProfile("urn:theirs:type", EXCHANGE);
        },
        plans: "create_profile deploy_version",
        changes: ["+ profile acme: api-keys → exchange", EXCHANGE_BACK],
        again: FIRST_BACK,
      },
      "another's": {
        called: "somebody's profile of our type: it stays",
        given: (hand) => {
          hand.deleteProfile(TYPE);
          hand.makeProfile(TYPE, "legacy");
        },
        plans: "deploy_version",
        changes: [EXCHANGE_BACK],
        again: "unbind disable_client delete_api delete_action delete_action",
      },
      "changed between plan and apply": {
        called: "somebody makes one of our type: refused, and left alone from then on",
        given: (hand) => hand.deleteProfile(TYPE),
        meanwhile: (hand) => hand.makeProfile(TYPE, "legacy"),
        plans: "create_profile deploy_version",
        ends: "management_refused",
        changes: [],
        again: "deploy_version",
        mends: [EXCHANGE_BACK],
      },
    },
  },
  {
    effect: "update_profile",
    command: "rollback",
    after: [FIRST, RETYPED],
    cells: {
      "nothing there": {
        called: "somebody deleted it: it is made again as it was",
        given: (hand) => hand.deleteProfile(OTHER_TYPE),
        plans: `create_profile ${VERSIONS}`,
        changes: ["+ profile acme: api-keys → exchange", ...BACK],
        again: FIRST_BACK,
      },
      "ours as it should be": {
        plans: `update_profile ${VERSIONS}`,
        changes: [
          "- profile urn:acme:other-key: api-keys → exchange",
          "+ profile acme: api-keys → exchange, the same object",
          ...BACK,
        ],
        again: FIRST_BACK,
      },
      "ours and changed": {
        called: "its name",
        given: (hand) => hand.profile(OTHER_TYPE, { name: "Renamed" }),
        plans: `update_profile ${VERSIONS}`,
        changes: [
          "- profile urn:acme:other-key: Renamed → exchange",
          "+ profile acme: api-keys → exchange, the same object",
          ...BACK,
        ],
        again: FIRST_BACK,
      },
      "ours with others' additions": {
        called: "somebody's profile of another type for our Action: it stays",
        given: (hand) => hand.makeProfile("urn:theirs:type", EXCHANGE),
        plans: `update_profile ${VERSIONS}`,
        changes: [
          "- profile urn:acme:other-key: api-keys → exchange",
          "+ profile acme: api-keys → exchange, the same object",
          ...BACK,
        ],
        again: FIRST_BACK,
      },
      "another's": {
        called: "somebody took the type of before since: refused, and nothing is done",
        given: (hand) => hand.makeProfile(TYPE, "legacy"),
        plans: `update_profile ${VERSIONS}`,
        ends: "management_refused",
        changes: [],
        again: `update_profile ${VERSIONS}`,
      },
      "changed between plan and apply": {
        called: "it is deleted: refused, and the next run makes it",
        meanwhile: (hand) => hand.deleteProfile(OTHER_TYPE),
        plans: `update_profile ${VERSIONS}`,
        ends: "management_refused",
        changes: [],
        again: `create_profile ${VERSIONS}`,
        mends: ["+ profile acme: api-keys → exchange", ...BACK],
      },
    },
  },
];
