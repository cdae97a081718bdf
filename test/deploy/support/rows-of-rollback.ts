import { AUDIENCE, CLIENT_ID, OTHER_AUDIENCE, OTHER_CLIENT_ID } from "../../support/stage.ts";
import {
  BILLING,
  DESCRIBED,
  FIRST,
  FIRST_PRUNED,
  LESS_PRUNED,
  LIVED,
  LIVED_LONGER,
  SHARING_BOTH,
  SHARING_LIFETIME,
  SHARING_SHORT_LIFETIME,
  SHARING_THROTTLED,
  SHARING_THROTTLING,
  THEIR_API,
  THEIR_BILLS,
  THEIR_OTHER_CLIENT,
  THEIR_THROTTLING,
  THROTTLED,
  THROTTLED_LESS,
  TWO_APIS,
  TWO_CLIENTS,
} from "./applications.ts";
import type { Row } from "./change-cell.ts";

const WHOLE = "read:things=Read write:things=Write, 86400 s, no consent";
const LESSER = "read:things=Read, 86400 s, no consent";
const USES = "api acme, consent acme, acme read:things, acme write:things, client 1";
const USES_LESS = "api acme, consent acme, acme read:things, client 1";
const USES_HOUR = "api acme, consent acme, acme read:things, acme write:things, acme 3600 s, client 1";
const GAVE = "api acme, client 1 (list), consent acme, acme read:things, acme write:things";
const GAVE_LESS = "api acme, client 1 (list), consent acme, acme read:things";
const BACK = ["~ Action login: v2 ours → v3 as v1", "~ Action exchange: v2 ours → v3 as v1"];
const VERSIONS = "deploy_version deploy_version";
/** What the rollback before that takes back, as it is planned next. */
const FIRST_BACK = "delete_profile unbind disable_client delete_api delete_action delete_action";
const FIRST_BACK_THEIR_API = "delete_profile unbind disable_client update_api delete_action delete_action";
const ONE_SWITCH = "a number is always there";

const USES_BILLS =
  "api acme, consent acme, acme read:things, acme write:things, api billing, consent billing, billing read:bills, client 1";
const GAVE_BILLS =
  "api acme, api billing, client 1 (list), consent acme, consent billing, acme read:things, acme write:things, billing read:bills";
const API_BACK = [...BACK, `~ mark uses: ${USES} → ${USES_BILLS}`, `~ mark gave: ${GAVE} → ${GAVE_BILLS}`];
const API_GONE = [...BACK, `~ mark uses: ${USES_BILLS} → ${USES}`, `~ mark gave: ${GAVE_BILLS} → ${GAVE}`];
const FIRST_BACK_BILLS =
  "delete_profile unbind disable_client delete_api delete_api delete_action delete_action";

const USES_CLIENTS = `${USES}, client 2`;
const GAVE_CLIENTS = "api acme, client 1 (list), client 2, consent acme, acme read:things, acme write:things";
const CLIENT_BACK = [
  ...BACK,
  `~ mark uses: ${USES} → ${USES_CLIENTS}`,
  `~ mark gave: ${GAVE} → ${GAVE_CLIENTS}`,
];
const CLIENT_GONE = [
  ...BACK,
  `~ mark uses: ${USES_CLIENTS} → ${USES}`,
  `~ mark gave: ${GAVE_CLIENTS} → ${GAVE}`,
];
const FIRST_BACK_CLIENTS =
  "delete_profile unbind disable_client disable_client delete_api delete_action delete_action";

const SCOPE_BACK = [...BACK, `~ mark uses: ${USES_LESS} → ${USES}`, `~ mark gave: ${GAVE_LESS} → ${GAVE}`];
const THROTTLING_BACK = [
  ...BACK,
  `~ mark uses: ${USES}, throttling 30 / 60000 ms → ${USES}, throttling 20 / 60000 ms`,
];
const FIRST_BACK_THROTTLING =
  "delete_profile unbind set_ip_throttling disable_client delete_api delete_action delete_action";

/** What a rollback of a later application does to APIs, clients and throttling. */
export const ROWS_OF_ROLLBACK: readonly Row[] = [
  {
    effect: "update_api",
    form: "scopes",
    command: "rollback",
    after: [FIRST, LESS_PRUNED],
    cells: {
      "nothing there": {
        called: "somebody deleted the API: it is made as it was",
        given: (hand) => hand.deleteApi(AUDIENCE),
        plans: `create_api ${VERSIONS}`,
        changes: [`+ API acme: ${WHOLE}`, ...SCOPE_BACK],
        again: FIRST_BACK,
      },
      "ours as it should be": {
        called: "the scope that was taken comes back",
        plans: `update_api ${VERSIONS}`,
        changes: [`~ API acme: ${LESSER} → ${WHOLE}`, ...SCOPE_BACK],
        again: FIRST_BACK,
      },
      "ours and changed": {
        called: "somebody made the scope anew with words of their own: it stays",
        given: (hand) => hand.addScope(AUDIENCE, "write:things", "Their words"),
        plans: VERSIONS,
        changes: SCOPE_BACK,
        again: FIRST_BACK,
      },
      "ours with others' additions": {
        called: "a scope of others stays",
        given: (hand) => hand.addScope(AUDIENCE, "other:things"),
        plans: `update_api ${VERSIONS}`,
        changes: [
          "~ API acme: read:things=Read other:things=By hand, 86400 s, no consent → read:things=Read other:things=By hand write:things=Write, 86400 s, no consent",
          ...SCOPE_BACK,
        ],
        again: FIRST_BACK_THEIR_API,
      },
      "another's": [
        {
          called: "the scope was there before us: we did not take it, and do not give it back",
          after: [THEIR_API, FIRST, LESS_PRUNED],
          given: (hand) => hand.removeScope(AUDIENCE, "write:things"),
          plans: VERSIONS,
          changes: [
            ...BACK,
            `~ mark uses: ${USES_LESS} → ${USES}`,
            "~ mark others: other:things write:things → other:things",
          ],
          again: FIRST_BACK_THEIR_API,
        },
        {
          called: "what a later application gave to another's API is taken",
          after: [THEIR_BILLS, FIRST, TWO_APIS],
          plans: `update_api ${VERSIONS}`,
          changes: [
            "~ API billing: theirs:bills=By hand read:bills=Read bills, 86400 s, no consent → theirs:bills=By hand, 86400 s, consent",
            ...BACK,
            `~ mark uses: ${USES_BILLS} → ${USES}`,
            `~ mark gave: api acme, client 1 (list), consent acme, consent billing, acme read:things, acme write:things, billing read:bills → ${GAVE}`,
            "- mark others: theirs:bills",
          ],
          again: FIRST_BACK,
        },
      ],
      "changed between plan and apply": {
        called: "somebody adds a scope: it stays",
        meanwhile: (hand) => hand.addScope(AUDIENCE, "other:things"),
        plans: `update_api ${VERSIONS}`,
        changes: [
          "~ API acme: read:things=Read other:things=By hand, 86400 s, no consent → read:things=Read other:things=By hand write:things=Write, 86400 s, no consent",
          ...SCOPE_BACK,
        ],
        again: FIRST_BACK_THEIR_API,
      },
    },
  },
  {
    effect: "update_api",
    form: "descriptions",
    command: "rollback",
    after: [FIRST, DESCRIBED],
    cells: {
      "nothing there": "a scope that is not there is given back: see scopes",
      "ours as it should be": {
        plans: "update_api",
        changes: [`~ API acme: read:things=Read write:things=Write anew, 86400 s, no consent → ${WHOLE}`],
        again: FIRST_BACK,
      },
      "ours and changed": {
        called: "somebody described it since: it is ours, and as before",
        given: (hand) => hand.describeScope(AUDIENCE, "write:things", "Other words"),
        plans: "update_api",
        changes: [`~ API acme: read:things=Read write:things=Other words, 86400 s, no consent → ${WHOLE}`],
        again: FIRST_BACK,
      },
      "ours with others' additions": {
        called: "a description of another scope stays",
        given: (hand) => hand.addScope(AUDIENCE, "other:things", "Their words"),
        plans: "update_api",
        changes: [
          "~ API acme: read:things=Read write:things=Write anew other:things=Their words, 86400 s, no consent → read:things=Read write:things=Write other:things=Their words, 86400 s, no consent",
        ],
        again: FIRST_BACK_THEIR_API,
      },
      "another's": {
        called: "what others called their scope before us comes back",
        after: [THEIR_API, DESCRIBED],
        plans: "delete_profile unbind disable_client update_api update_api delete_action delete_action",
        changes: [
          "~ API acme: write:things=Write anew other:things=By hand read:things=Read, 900 s, no consent → write:things=Write other:things=By hand, 900 s, consent",
          "- Action login: v1 ours",
          "- Action exchange: v1 ours",
          `- mark uses: ${USES}`,
          "- mark gave: client 1 (list), consent acme, acme read:things",
          "- mark others: other:things",
          "~ bindings: enrich, audit, redirect, login → enrich, audit, redirect",
          "- profile acme: api-keys → exchange",
          "~ client 1: [on-behalf custom] → [on-behalf]",
        ],
      },
      "changed between plan and apply": {
        called: "somebody describes another of our scopes: it stays",
        meanwhile: (hand) => hand.describeScope(AUDIENCE, "read:things", "Other words"),
        plans: "update_api",
        changes: [
          "~ API acme: read:things=Other words write:things=Write anew, 86400 s, no consent → read:things=Other words write:things=Write, 86400 s, no consent",
        ],
        again: FIRST_BACK,
      },
    },
  },
  {
    effect: "update_api",
    form: "lifetime",
    command: "rollback",
    after: [LIVED, LIVED_LONGER],
    cells: {
      "nothing there": ONE_SWITCH,
      "ours as it should be": [
        {
          called: "to what we had set",
          plans: `update_api ${VERSIONS}`,
          changes: [
            "~ API acme: read:things=Read write:things=Write, 7200 s, no consent → read:things=Read write:things=Write, 3600 s, no consent",
            ...BACK,
            "~ mark uses: api acme, consent acme, acme read:things, acme write:things, acme 7200 s, client 1 → api acme, consent acme, acme read:things, acme write:things, acme 3600 s, client 1",
          ],
          again: FIRST_BACK,
        },
        {
          called: "to what it was before we set one",
          after: [THEIR_API, FIRST, LIVED],
          plans: `update_api ${VERSIONS}`,
          changes: [
            "~ API acme: write:things=Write other:things=By hand read:things=Read, 3600 s, no consent → write:things=Write other:things=By hand read:things=Read, 900 s, no consent",
            ...BACK,
            `~ mark uses: ${USES_HOUR} → ${USES}`,
            "~ mark gave: client 1 (list), consent acme, acme 900 s, acme read:things → client 1 (list), consent acme, acme read:things",
          ],
          again: FIRST_BACK_THEIR_API,
        },
        {
          called: "to what we had set, and had taken back",
          after: [THEIR_API, LIVED, FIRST_PRUNED],
          plans: `update_api ${VERSIONS}`,
          changes: [
            "~ API acme: write:things=Write other:things=By hand read:things=Read, 900 s, no consent → write:things=Write other:things=By hand read:things=Read, 3600 s, no consent",
            ...BACK,
            `~ mark uses: ${USES} → ${USES_HOUR}`,
            "~ mark gave: client 1 (list), consent acme, acme read:things → client 1 (list), consent acme, acme 900 s, acme read:things",
          ],
          again: FIRST_BACK_THEIR_API,
        },
      ],
      "ours and changed": {
        called: "somebody set another since: that stays",
        given: (hand) => hand.api(AUDIENCE, { token_lifetime: 600 }),
        plans: VERSIONS,
        changes: [
          ...BACK,
          "~ mark uses: api acme, consent acme, acme read:things, acme write:things, acme 7200 s, client 1 → api acme, consent acme, acme read:things, acme write:things, acme 3600 s, client 1",
        ],
        again: FIRST_BACK,
      },
      "ours with others' additions": {
        called: "refresh tokens stay",
        given: (hand) => hand.api(AUDIENCE, { allow_offline_access: true }),
        plans: `update_api ${VERSIONS}`,
        changes: [
          "~ API acme: read:things=Read write:things=Write, 7200 s, no consent → read:things=Read write:things=Write, 3600 s, no consent",
          ...BACK,
          "~ mark uses: api acme, consent acme, acme read:things, acme write:things, acme 7200 s, client 1 → api acme, consent acme, acme read:things, acme write:things, acme 3600 s, client 1",
        ],
        again: FIRST_BACK,
      },
      "another's": [
        {
          called: "another deployment set another since we took ours back: it stays",
          after: [THEIR_API, LIVED, FIRST_PRUNED, SHARING_SHORT_LIFETIME],
          plans: VERSIONS,
          changes: [
            ...BACK,
            `~ mark uses: ${USES} → ${USES_HOUR}`,
            "~ mark gave: client 1 (list), consent acme, acme read:things → client 1 (list), consent acme, acme 900 s, acme read:things",
          ],
          again: FIRST_BACK_THEIR_API,
        },
        {
          called: "another deployment wants the same: it stays",
          after: [THEIR_API, FIRST, LIVED, SHARING_LIFETIME],
          plans: VERSIONS,
          changes: [
            ...BACK,
            `~ mark uses: ${USES_HOUR} → ${USES}`,
            "~ mark gave: client 1 (list), consent acme, acme 900 s, acme read:things → client 1 (list), consent acme, acme read:things",
          ],
          again: FIRST_BACK_THEIR_API,
        },
      ],
      "changed between plan and apply": {
        called: "somebody adds a scope: it stays",
        meanwhile: (hand) => hand.addScope(AUDIENCE, "other:things"),
        plans: `update_api ${VERSIONS}`,
        changes: [
          "~ API acme: read:things=Read write:things=Write other:things=By hand, 7200 s, no consent → read:things=Read write:things=Write other:things=By hand, 3600 s, no consent",
          ...BACK,
          "~ mark uses: api acme, consent acme, acme read:things, acme write:things, acme 7200 s, client 1 → api acme, consent acme, acme read:things, acme write:things, acme 3600 s, client 1",
        ],
        again: FIRST_BACK_THEIR_API,
      },
    },
  },
  {
    effect: "create_api",
    command: "rollback",
    after: [TWO_APIS, FIRST_PRUNED],
    cells: {
      "nothing there": [
        {
          called: "we deleted it: it is made as it was",
          plans: `create_api ${VERSIONS}`,
          changes: ["+ API billing: read:bills=Read bills, 86400 s, no consent", ...API_BACK],
          again: FIRST_BACK_BILLS,
        },
        {
          called: "with the lifetime that it had",
          after: [LIVED, TWO_APIS],
          given: (hand) => hand.deleteApi(AUDIENCE),
          plans: `delete_api create_api ${VERSIONS}`,
          changes: [
            "+ API acme: read:things=Read write:things=Write, 3600 s, no consent",
            "- API billing: read:bills=Read bills, 86400 s, no consent",
            ...BACK,
            `~ mark uses: ${USES_BILLS} → ${USES_HOUR}`,
            "~ mark gave: api acme, api billing, client 1 (list), consent acme, consent billing, acme 3600 s, acme read:things, acme write:things, billing read:bills → api acme, client 1 (list), consent acme, acme 3600 s, acme read:things, acme write:things",
          ],
          again: FIRST_BACK,
        },
      ],
      "ours as it should be": "an API that is as it should be is there",
      "ours and changed": "an API that is there is not made",
      "ours with others' additions": "an API that is not there has no additions",
      "another's": {
        called: "somebody made one since: it gets back what ours had",
        given: (hand) => {
          hand.api(OTHER_AUDIENCE);
          hand.addScope(OTHER_AUDIENCE, "theirs:bills");
        },
        plans: `update_api ${VERSIONS}`,
        changes: [
          "~ API billing: theirs:bills=By hand, 86400 s, consent → theirs:bills=By hand read:bills=Read bills, 86400 s, no consent",
          ...API_BACK,
        ],
        again: "delete_profile unbind disable_client update_api delete_api delete_action delete_action",
      },
      "changed between plan and apply": {
        called: "somebody makes one: refused, and the next run gives it back what ours had",
        meanwhile: (hand) => hand.api(OTHER_AUDIENCE),
        plans: `create_api ${VERSIONS}`,
        ends: "management_refused",
        changes: [],
        again: `update_api ${VERSIONS}`,
        mends: [
          "~ API billing: no scopes, 86400 s, consent → read:bills=Read bills, 86400 s, no consent",
          ...API_BACK,
        ],
      },
    },
  },
  {
    effect: "delete_api",
    form: "of a later application",
    command: "rollback",
    after: [FIRST, TWO_APIS],
    cells: {
      "nothing there": {
        called: "somebody deleted it already",
        given: (hand) => hand.deleteApi(OTHER_AUDIENCE),
        plans: VERSIONS,
        changes: API_GONE,
        again: FIRST_BACK,
      },
      "ours as it should be": {
        plans: `delete_api ${VERSIONS}`,
        changes: ["- API billing: read:bills=Read bills, 86400 s, no consent", ...API_GONE],
        again: FIRST_BACK,
      },
      "ours and changed": {
        given: (hand) => hand.describeScope(OTHER_AUDIENCE, "read:bills", "Other words"),
        plans: `delete_api ${VERSIONS}`,
        changes: ["- API billing: read:bills=Other words, 86400 s, no consent", ...API_GONE],
        again: FIRST_BACK,
      },
      "ours with others' additions": {
        called: "a scope of others: it stays with its API, and ours is taken out",
        given: (hand) => hand.addScope(OTHER_AUDIENCE, "other:bills"),
        plans: `update_api ${VERSIONS}`,
        changes: [
          "~ API billing: read:bills=Read bills other:bills=By hand, 86400 s, no consent → other:bills=By hand, 86400 s, consent",
          ...API_GONE,
        ],
        again: FIRST_BACK,
      },
      "another's": {
        called: "another deployment uses it: it stays",
        after: [FIRST, TWO_APIS, BILLING],
        plans: VERSIONS,
        changes: API_GONE,
        again: FIRST_BACK,
      },
      "changed between plan and apply": {
        called: "another deployment begins to use it: refused, and the next run lets it be",
        meanwhile: BILLING,
        plans: `delete_api ${VERSIONS}`,
        ends: "deployment_conflict",
        changes: [],
        again: VERSIONS,
        mends: API_GONE,
      },
    },
  },
  {
    effect: "enable_client",
    command: "rollback",
    after: [TWO_CLIENTS, FIRST_PRUNED],
    cells: {
      "nothing there": {
        called: "a client without a list",
        plans: `${VERSIONS} enable_client`,
        changes: ["~ client 2: no list → [custom]", ...CLIENT_BACK],
        again: FIRST_BACK_CLIENTS,
      },
      "ours as it should be": {
        called: "somebody gave it our type already",
        given: (hand) => hand.client(OTHER_CLIENT_ID, ["custom_authentication"]),
        plans: VERSIONS,
        changes: CLIENT_BACK,
        again: FIRST_BACK_CLIENTS,
      },
      "ours and changed": "a client has our type or has not",
      "ours with others' additions": {
        called: "another type stays",
        given: (hand) => hand.client(OTHER_CLIENT_ID, ["on_behalf_of_token_exchange"]),
        plans: `${VERSIONS} enable_client`,
        changes: ["~ client 2: [on-behalf] → [on-behalf custom]", ...CLIENT_BACK],
        again: FIRST_BACK_CLIENTS,
      },
      "another's": {
        called: "it had our type before us, and somebody took it since: we do not give it",
        after: [THEIR_OTHER_CLIENT, TWO_CLIENTS, FIRST_PRUNED],
        given: (hand) => hand.client(OTHER_CLIENT_ID, undefined),
        plans: VERSIONS,
        changes: [...BACK, `~ mark uses: ${USES} → ${USES_CLIENTS}`],
        again: FIRST_BACK,
      },
      "changed between plan and apply": {
        called: "it gets another type: that stays",
        meanwhile: (hand) => hand.client(OTHER_CLIENT_ID, ["on_behalf_of_token_exchange"]),
        plans: `${VERSIONS} enable_client`,
        changes: ["~ client 2: [on-behalf] → [on-behalf custom]", ...CLIENT_BACK],
        again: FIRST_BACK_CLIENTS,
      },
    },
  },
  {
    effect: "disable_client",
    form: "of a later application",
    command: "rollback",
    after: [FIRST, TWO_CLIENTS],
    cells: {
      "nothing there": {
        called: "somebody took its list away already",
        given: (hand) => hand.client(OTHER_CLIENT_ID, undefined),
        plans: VERSIONS,
        changes: CLIENT_GONE,
        again: FIRST_BACK,
      },
      "ours as it should be": {
        plans: `disable_client ${VERSIONS}`,
        changes: ["~ client 2: [custom] → no list", ...CLIENT_GONE],
        again: FIRST_BACK,
      },
      "ours and changed": "a client has our type or has not",
      "ours with others' additions": {
        called: "another type stays",
        given: (hand) =>
          hand.client(OTHER_CLIENT_ID, ["on_behalf_of_token_exchange", "custom_authentication"]),
        plans: `disable_client ${VERSIONS}`,
        changes: ["~ client 2: [on-behalf custom] → [on-behalf]", ...CLIENT_GONE],
        again: FIRST_BACK,
      },
      "another's": [
        {
          called: "another deployment uses both clients and all APIs: nothing is taken",
          after: [FIRST, TWO_CLIENTS, SHARING_BOTH],
          plans: VERSIONS,
          changes: CLIENT_GONE,
          again: "delete_profile unbind delete_action delete_action",
        },
        {
          called: "the first client is not touched, whatever it was before",
          given: (hand) => hand.client(CLIENT_ID, ["on_behalf_of_token_exchange"]),
          plans: `disable_client ${VERSIONS} enable_client`,
          changes: [
            "~ client 2: [custom] → no list",
            "~ client 1: [on-behalf] → [on-behalf custom]",
            ...CLIENT_GONE,
          ],
          again: FIRST_BACK,
        },
      ],
      "changed between plan and apply": {
        called: "it gets another type: that stays",
        meanwhile: (hand) =>
          hand.client(OTHER_CLIENT_ID, ["custom_authentication", "on_behalf_of_token_exchange"]),
        plans: `disable_client ${VERSIONS}`,
        changes: ["~ client 2: [custom on-behalf] → [on-behalf]", ...CLIENT_GONE],
        again: FIRST_BACK,
      },
    },
  },
  {
    effect: "set_ip_throttling",
    form: "of a later application",
    command: "rollback",
    after: [THROTTLED, THROTTLED_LESS],
    cells: {
      "nothing there": ONE_SWITCH,
      "ours as it should be": [
        {
          called: "to what we had set",
          plans: `set_ip_throttling ${VERSIONS}`,
          changes: ["~ throttling: 30 / 60000 ms → 20 / 60000 ms", ...THROTTLING_BACK],
          again: FIRST_BACK_THROTTLING,
        },
        {
          called: "to what it was before we set any",
          after: [THEIR_THROTTLING, FIRST, THROTTLED],
          plans: `set_ip_throttling ${VERSIONS}`,
          changes: [
            "~ throttling: 20 / 60000 ms → 50 / 5000 ms",
            ...BACK,
            `~ mark uses: ${USES}, throttling 20 / 60000 ms → ${USES}`,
            `~ mark gave: ${GAVE}, throttling 50 / 5000 ms → ${GAVE}`,
          ],
          again: FIRST_BACK,
        },
        {
          called: "to what we had set, and had taken back",
          after: [THEIR_THROTTLING, THROTTLED, FIRST_PRUNED],
          plans: `set_ip_throttling ${VERSIONS}`,
          changes: [
            "~ throttling: 50 / 5000 ms → 20 / 60000 ms",
            ...BACK,
            `~ mark uses: ${USES} → ${USES}, throttling 20 / 60000 ms`,
            `~ mark gave: ${GAVE} → ${GAVE}, throttling 50 / 5000 ms`,
          ],
          again: FIRST_BACK_THROTTLING,
        },
      ],
      "ours and changed": {
        called: "somebody set it since: that stays",
        given: (hand) => hand.throttle(40, 4_000),
        plans: VERSIONS,
        changes: THROTTLING_BACK,
        again: FIRST_BACK,
      },
      "ours with others' additions": {
        called: "another stage and an allowlist stay",
        given: (hand) => hand.throttleElsewhere(),
        plans: `set_ip_throttling ${VERSIONS}`,
        changes: ["~ throttling: 30 / 60000 ms → 20 / 60000 ms", ...THROTTLING_BACK],
        again: FIRST_BACK_THROTTLING,
      },
      "another's": [
        {
          called: "another deployment wants the same: it stays",
          after: [THEIR_THROTTLING, FIRST, THROTTLED, SHARING_THROTTLED],
          plans: VERSIONS,
          changes: [
            ...BACK,
            `~ mark uses: ${USES}, throttling 20 / 60000 ms → ${USES}`,
            `~ mark gave: ${GAVE}, throttling 50 / 5000 ms → ${GAVE}`,
          ],
          again: FIRST_BACK,
        },
        {
          called: "another deployment set another since we took ours back: it stays",
          after: [THEIR_THROTTLING, THROTTLED, FIRST_PRUNED, SHARING_THROTTLING],
          plans: VERSIONS,
          changes: [
            ...BACK,
            `~ mark uses: ${USES} → ${USES}, throttling 20 / 60000 ms`,
            `~ mark gave: ${GAVE} → ${GAVE}, throttling 50 / 5000 ms`,
          ],
          again: FIRST_BACK,
        },
      ],
      "changed between plan and apply": {
        called: "another stage and an allowlist stay",
        meanwhile: (hand) => hand.throttleElsewhere(),
        plans: `set_ip_throttling ${VERSIONS}`,
        changes: ["~ throttling: 30 / 60000 ms → 20 / 60000 ms", ...THROTTLING_BACK],
        again: FIRST_BACK_THROTTLING,
      },
    },
  },
];
