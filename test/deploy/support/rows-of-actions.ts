import {
  BILLING,
  BOUND_FIRST,
  DESTROYED,
  FIRST,
  TOKEN,
  USURPED,
  LESS,
  LESS_ELSEWHERE,
} from "./applications.ts";
import type { Row } from "./change-cell.ts";
import { THEIRS } from "./hand.ts";

const LOGIN = "api-keys-post-login";
const EXCHANGE = "api-keys-custom-token-exchange";
const TYPE = "urn:acme:api-key";
const WHOLE = "read:things=Read write:things=Write, 86400 s, no consent";

const USES = "api acme, consent acme, acme read:things, acme write:things, client 1";
const API_MADE = `+ API acme: ${WHOLE}`;
const ACTIONS_MADE = ["+ Action login: v1 ours", "+ Action exchange: v1 ours"];
const BOUND = "~ bindings: enrich, audit, redirect → enrich, audit, redirect, login";
const PROFILE_MADE = "+ profile acme: api-keys → exchange";
const ENABLED = "~ client 1: [on-behalf] → [on-behalf custom]";
const GAVE = "api acme, client 1 (list), consent acme, acme read:things, acme write:things";
/** All of a first application, but for the API. */
const FIRST_TIME = [...ACTIONS_MADE, BOUND, PROFILE_MADE, ENABLED, `+ mark uses: ${USES}`];
const BOUND_BY_OTHERS =
  "enrich, audit, redirect, bound-3, bound-4, bound-5, bound-6, bound-7, bound-8, bound-9, bound-10, bound-11, bound-12, bound-13, bound-14, bound-15, bound-16, bound-17, bound-18";
const SETTLED = "the same run as that of create_api: there is one tenant that is as it should be";
const FOREIGN_ACTION = "an Action of this name that is another's is refused: see create_action";
/** What `apply` does to Actions, and to their bindings. */
export const ROWS_OF_ACTIONS: readonly Row[] = [
  {
    effect: "create_action",
    form: "post-login",
    command: "apply",
    after: [FIRST],
    cells: {
      "nothing there": {
        called: "it was deleted, with its binding",
        given: (hand) => hand.deleteAction(LOGIN),
        plans: "create_action bind",
        changes: ["+ Action login: v1 ours", BOUND],
      },
      "ours as it should be": SETTLED,
      "ours and changed": "an Action that is there is changed: see update_action",
      "ours with others' additions": "an Action that is not there has no additions",
      "another's": [
        {
          called: "not made here: refused",
          after: [],
          now: FIRST,
          given: (hand) => void hand.makeAction(LOGIN, "post-login"),
          plans: "!action_foreign",
          changes: [],
        },
        {
          called: "not made here, and of the other trigger: refused",
          after: [],
          now: FIRST,
          given: (hand) => void hand.makeAction(LOGIN, "custom-token-exchange"),
          plans: "!action_foreign",
          changes: [],
        },
        {
          called: "not made here, and noted in the journal by a destruction: refused",
          after: [FIRST, USURPED, DESTROYED],
          now: FIRST,
          plans: "!action_foreign",
          changes: [],
        },
        {
          called: "copied from another tenant: refused",
          given: (hand) => hand.copyFromElsewhere(LOGIN),
          plans: "!action_foreign",
          changes: [],
        },
        {
          called: "the tenant has no room for both: refused",
          after: [],
          now: FIRST,
          given: (hand) => hand.fillActions(99),
          plans: "!limit_exceeded",
          changes: [],
        },
        {
          called: "the tenant has room for just both",
          after: [],
          now: FIRST,
          given: (hand) => hand.fillActions(98),
          plans: "create_api create_action create_action bind create_profile enable_client",
          changes: [API_MADE, ...FIRST_TIME, `+ mark gave: ${GAVE}`],
        },
      ],
      "changed between plan and apply": {
        called: "another makes one of this name: refused, and refused from then on",
        after: [],
        now: FIRST,
        meanwhile: (hand) => void hand.makeAction(LOGIN, "post-login"),
        plans: "create_api create_action create_action bind create_profile enable_client",
        ends: "management_refused",
        changes: [API_MADE],
        again: "!action_foreign",
      },
    },
  },
  {
    effect: "create_action",
    form: "exchange",
    command: "apply",
    after: [FIRST],
    cells: {
      "nothing there": {
        called: "it was deleted with its profile",
        given: (hand) => {
          hand.deleteProfile(TYPE);
          hand.deleteAction(EXCHANGE);
        },
        plans: "create_action create_profile",
        changes: ["+ Action exchange: v1 ours", PROFILE_MADE],
      },
      "ours as it should be": SETTLED,
      "ours and changed": "an Action that is there is changed: see update_action",
      "ours with others' additions": "an Action that is not there has no additions",
      "another's": {
        called: "not made here: refused",
        after: [],
        now: FIRST,
        given: (hand) => void hand.makeAction(EXCHANGE, "custom-token-exchange"),
        plans: "!action_foreign",
        changes: [],
        again: "!action_foreign",
      },
      "changed between plan and apply": {
        called: "another makes one of this name: refused, and refused from then on",
        given: (hand) => {
          hand.deleteProfile(TYPE);
          hand.deleteAction(EXCHANGE);
        },
        meanwhile: (hand) => void hand.makeAction(EXCHANGE, "custom-token-exchange"),
        plans: "create_action create_profile",
        ends: "management_refused",
        changes: [],
        again: "!action_foreign",
      },
    },
  },
  {
    effect: "update_action",
    form: "post-login",
    command: "apply",
    after: [FIRST],
    cells: {
      "nothing there": {
        called: "a draft that was never deployed",
        given: (hand) => hand.neverDeployed(LOGIN),
        plans: "update_action",
        changes: ["~ Action login: nothing runs, draft ours → v1 ours"],
      },
      "ours as it should be": [
        {
          called: "but for its draft, which does not run",
          given: (hand) => hand.draft(LOGIN, { code: THEIRS }),
          plans: "",
          changes: [],
        },
      ],
      "ours and changed": [
        {
          called: "its code",
          given: (hand) => hand.deploy(LOGIN, { code: THEIRS }),
          plans: "update_action",
          changes: ["~ Action login: v2 theirs → v3 as v1"],
        },
        {
          called: "its code, and the journal is lost: refused",
          given: (hand) => hand.deploy(LOGIN, { code: THEIRS }),
          isJournalLost: true,
          plans: "!action_foreign",
          changes: [],
        },
        {
          called: "its runtime",
          given: (hand) => hand.deploy(LOGIN, { runtime: "node18" }),
          plans: "update_action",
          changes: ["~ Action login: v2 ours node18 → v3 as v1"],
        },
      ],
      "ours with others' additions": {
        called: "a secret: an Action is ours as a whole, and has none",
        given: (hand) => hand.deploy(LOGIN, { secrets: [hand.secret("THEIRS", "1")] }),
        plans: "update_action",
        changes: ["~ Action login: v2 ours THEIRS=1 → v3 as v1"],
      },
      "another's": FOREIGN_ACTION,
      "changed between plan and apply": [
        {
          called: "it is edited once more: it is ours all the same",
          given: (hand) => hand.deploy(LOGIN, { code: THEIRS }),
          meanwhile: (hand) => hand.deploy(LOGIN, { code: `${THEIRS} // again` }),
          plans: "update_action",
          changes: ["~ Action login: v3 theirs → v4 as v1"],
        },
        {
          called: "it is deleted: refused, and the next run makes it",
          given: (hand) => hand.deploy(LOGIN, { code: THEIRS }),
          meanwhile: (hand) => hand.deleteAction(LOGIN),
          plans: "update_action",
          ends: "management_refused",
          changes: [],
          again: "create_action bind",
          mends: ["+ Action login: v1 ours", BOUND],
        },
        {
          called: "it is renamed: changed by its id, said afterwards, and refused until its name is back",
          given: (hand) => hand.deploy(LOGIN, { code: THEIRS }),
          meanwhile: (hand) => hand.renameAction(LOGIN, "mine-now"),
          plans: "update_action",
          ends: "deployment_unsettled",
          changes: ["~ Action mine-now: of others, and what is not told here"],
          again: "!deployment_conflict",
        },
      ],
    },
  },
  {
    effect: "update_action",
    form: "exchange",
    command: "apply",
    after: [FIRST],
    cells: {
      "nothing there": {
        called: "a draft that was never deployed",
        given: (hand) => hand.neverDeployed(EXCHANGE),
        plans: "update_action",
        changes: ["~ Action exchange: nothing runs, draft ours → v1 ours"],
      },
      "ours as it should be": [
        {
          called: "but for its draft, which does not run",
          given: (hand) => hand.draft(EXCHANGE, { code: THEIRS }),
          plans: "",
          changes: [],
        },
        {
          called: "and deployed by another pipeline, of which the journal knows nothing",
          after: [FIRST, LESS_ELSEWHERE],
          now: LESS,
          plans: "",
          changes: [],
        },
      ],
      "ours and changed": [
        {
          called: "a secret in the environment",
          now: TOKEN,
          plans: "update_action",
          changes: ["~ Action exchange: v1 ours → v2 ours UPSTASH_REDIS_REST_TOKEN=another"],
        },
        {
          called: "a secret on the tenant",
          given: (hand) => hand.setSecret(EXCHANGE, "API_KEY_PEPPER", "wrong"),
          plans: "update_action",
          changes: ["~ Action exchange: v2 ours API_KEY_PEPPER=wrong → v3 ours"],
        },
        {
          called: "a secret is gone",
          given: (hand) => hand.deploy(EXCHANGE, { secrets: [] }),
          plans: "update_action",
          changes: [
            "~ Action exchange: v2 ours no API_KEY_PEPPER no UPSTASH_REDIS_REST_URL no UPSTASH_REDIS_REST_TOKEN → v3 ours",
          ],
        },
        {
          called: "its packages",
          given: (hand) => hand.deploy(EXCHANGE, { dependencies: [] }),
          plans: "update_action",
          changes: ["~ Action exchange: v2 ours no packages → v3 ours"],
        },
        {
          called: "its code",
          given: (hand) => hand.deploy(EXCHANGE, { code: THEIRS }),
          plans: "update_action",
          changes: ["~ Action exchange: v2 theirs → v3 ours"],
        },
      ],
      "ours with others' additions": {
        called: "a secret: an Action is ours as a whole",
        given: (hand) => hand.setSecret(EXCHANGE, "THEIRS", "1"),
        plans: "update_action",
        changes: ["~ Action exchange: v2 ours THEIRS=1 → v3 ours"],
      },
      "another's": FOREIGN_ACTION,
      "changed between plan and apply": {
        called: "it is edited: it is ours all the same",
        now: TOKEN,
        meanwhile: (hand) => hand.draft(EXCHANGE, { code: THEIRS }),
        plans: "update_action",
        changes: ["~ Action exchange: v1 ours, draft theirs → v2 ours UPSTASH_REDIS_REST_TOKEN=another"],
      },
    },
  },
  {
    effect: "bind",
    command: "apply",
    after: [FIRST],
    cells: {
      "nothing there": [
        {
          called: "it was unbound",
          given: (hand) => hand.unbind(LOGIN),
          plans: "bind",
          changes: [BOUND],
        },
        {
          called: "it was unbound, and comes first",
          after: [BOUND_FIRST],
          given: (hand) => hand.unbind(LOGIN),
          plans: "bind",
          changes: ["~ bindings: enrich, audit, redirect → login, enrich, audit, redirect"],
        },
        {
          called: "the trigger has room for just one",
          given: (hand) => {
            hand.unbind(LOGIN);
            hand.fillBindings(19);
          },
          plans: "bind",
          changes: [`~ bindings: ${BOUND_BY_OTHERS} → ${BOUND_BY_OTHERS}, login`],
        },
        {
          called: "the trigger is full: refused",
          given: (hand) => {
            hand.unbind(LOGIN);
            hand.fillBindings(20);
          },
          plans: "!limit_exceeded",
          changes: [],
          again: "!limit_exceeded",
        },
      ],
      "ours as it should be": SETTLED,
      "ours and changed": [
        {
          called: "it stands elsewhere",
          given: (hand) => hand.bind(LOGIN, 1),
          plans: "bind",
          changes: ["~ bindings: enrich, login, audit, redirect → enrich, audit, redirect, login"],
        },
        {
          called: "it is configured to stand elsewhere",
          now: BOUND_FIRST,
          plans: "bind",
          changes: ["~ bindings: enrich, audit, redirect, login → login, enrich, audit, redirect"],
        },
      ],
      "ours with others' additions": {
        called: "another Action behind ours: ours goes last, theirs keep order and names",
        given: (hand) => {
          hand.makeAction("later", "post-login");
          hand.bind("later");
        },
        plans: "bind",
        changes: [
          "~ bindings: enrich, audit, redirect, login, later → enrich, audit, redirect, later, login",
        ],
      },
      "another's": [
        {
          called: "another deployment's behind ours: it is let be",
          after: [FIRST, BILLING],
          plans: "",
          changes: [],
        },
        {
          called: "another deployment's behind ours, and a person's: ours goes last of all",
          after: [FIRST, BILLING],
          given: (hand) => {
            hand.makeAction("later", "post-login");
            hand.bind("later");
          },
          plans: "bind",
          changes: [
            "~ bindings: enrich, audit, redirect, login, billing-post-login, later → enrich, audit, redirect, billing-post-login, later, login",
          ],
        },
      ],
      "changed between plan and apply": [
        {
          called: "another binds an Action and reorders: both stay",
          given: (hand) => hand.unbind(LOGIN),
          meanwhile: (hand) => {
            hand.makeAction("later", "post-login");
            hand.bind("later", 0);
            hand.bind("enrich");
          },
          plans: "bind",
          changes: ["~ bindings: later, audit, redirect, enrich → later, audit, redirect, enrich, login"],
        },
        {
          called: "another writes the list right behind us: said",
          given: (hand) => hand.unbind(LOGIN),
          during: {
            request: "PATCH /api/v2/actions/triggers/post-login/bindings",
            hand: (hand) => hand.unbind(LOGIN),
          },
          plans: "bind",
          ends: "bindings_conflict",
          changes: [],
          again: "bind",
          mends: [BOUND],
        },
        {
          called: "the Action that was bound is deleted: refused, and the next run makes it",
          given: (hand) => hand.unbind(LOGIN),
          meanwhile: (hand) => hand.deleteAction(LOGIN),
          plans: "bind",
          ends: "management_refused",
          changes: [],
          again: "create_action bind",
          mends: ["+ Action login: v1 ours", BOUND],
        },
      ],
    },
  },
];
