import type { Group } from "./mutant.ts";

const TABLE = ["test/deploy/change-table.test.ts"];
const PROGRAM = ["test/cli/deploy-program.test.ts"];
const CONFLICTS = ["test/deploy/conflicts.test.ts"];
const STORE = ["test/deploy/store-checks.test.ts"];
const JOURNAL = ["test/deploy/journal.test.ts"];

/** Mutants of the deploy tool. */
export const DEPLOY: readonly Group[] = [
  [
    "src/deploy/resources/apis.ts",
    TABLE,
    [
      {
        name: "update_api sends no scopes",
        find: "...(hasScopes && { scopes: [...kept, ...changed.values()].map(wire) }),",
        replace: "",
        only: "^apply, update_api, scopes",
      },
      {
        name: "update_api drops the scopes of others",
        find: "if (!isTouched(scope)) return [scope];",
        replace: "if (!isTouched(scope)) return [];",
        only: "^apply, update_api, scopes",
      },
      {
        name: "update_api goes by the scopes of the plan",
        find: "const current = await readApi(api, identifier);\n  const isTouched",
        replace:
          "updateApi.read ??= {}; const current = (updateApi.read[identifier] ??= await readApi(api, identifier));\n  const isTouched",
        only: "^apply, update_api",
      },
      {
        name: "update_api does not turn consent off",
        find: "...(skipsConsent !== undefined && { skip_consent_for_verifiable_first_party_clients: skipsConsent }),",
        replace: "",
        only: "^apply, update_api, consent",
      },
      {
        name: "update_api sends no lifetime",
        find: "...(tokenLifetimeSeconds !== undefined && { token_lifetime: tokenLifetimeSeconds }),\n    }),\n  );\n}\n\n/** Deletes",
        replace: "}),\n  );\n}\n\n/** Deletes",
        only: "^apply, update_api, lifetime",
      },
      {
        name: "create_api sends no lifetime",
        find: "...(tokenLifetimeSeconds !== undefined && { token_lifetime: tokenLifetimeSeconds }),\n      skip_consent",
        replace: "skip_consent",
        only: "^apply, create_api",
      },
      {
        name: "descriptions are not compared",
        find: "!current.scopes.some((one) => one.value === value && one.description === description),",
        replace: "!current.scopes.some((one) => one.value === value),",
        only: "^apply, update_api, descriptions",
      },
      {
        name: "an API with scopes of others is deleted",
        find: '  if (own.some(({ kind }) => kind === "api") && othersScopes(api, own).length === 0) {',
        replace: '  if (own.some(({ kind }) => kind === "api")) {',
        only: "^apply --prune, delete_api",
      },
      {
        name: "an API that got scopes since the plan is deleted",
        find: "if (added.length > 0) {",
        replace: "if (false) {",
        only: "^destroy, delete_api",
      },
      {
        name: "a lifetime is not taken back",
        find: "const isLifetimeTaken = before !== undefined && api.tokenLifetimeSeconds !== before;",
        replace: "const isLifetimeTaken = false;",
        only: "^destroy, update_api",
      },
      {
        name: "consent is not taken back",
        find: 'const isConsentTaken = own.some(({ kind }) => kind === "consent") && api.skipsConsent;',
        replace: "const isConsentTaken = false;",
        only: "^destroy, update_api",
      },
      {
        name: "a rollback gives back scopes that were never ours",
        find: 'if (!is) return isAmong({ kind: "scope", of, scope }, gave);',
        replace: "if (!is) return true;",
        only: "^rollback, update_api, scopes",
      },
      {
        name: "a rollback leaves descriptions as they are",
        find: 'return is.description !== description && isAmong({ kind: "scope", of, scope }, mark?.uses ?? []);',
        replace: "return false;",
        only: "^rollback, update_api, descriptions",
      },
    ],
  ],
  [
    "src/deploy/resources/profile.ts",
    TABLE,
    [
      {
        name: "update_profile sends a wrong type",
        find: "{ name, subject_token_type: subjectTokenType }),",
        replace: "{ name, subject_token_type: `${subjectTokenType}x` }),",
        only: "^apply, update_profile",
      },
      {
        name: "update_profile sends no name",
        find: "{ name, subject_token_type: subjectTokenType }),",
        replace: "{ subject_token_type: subjectTokenType }),",
        only: "^apply, update_profile",
      },
      {
        name: "a profile of another's Action is replaced",
        find: "if (profile.actionName !== undefined) {",
        replace: "if (false) {",
        only: "^apply, create_profile",
      },
      {
        name: "destroy deletes another's profile of our type",
        find: "return action && state.profile?.actionId === action.id ? state.profile : undefined;",
        replace: "return state.profile;",
        only: "^destroy, delete_profile",
      },
      {
        name: "a rollback makes a profile where another's is",
        find: "if (!now && (!before || !ours || current.profile)) return [];",
        replace: "if (!now && (!before || !ours)) return [];",
        only: "^rollback, create_profile",
      },
      {
        name: "a rollback makes a profile for an Action that is gone",
        find: "if (!now && (!before || !ours || current.profile)) return [];",
        replace: "if (!now && (!before || current.profile)) return [];",
        only: "^rollback, deploy_version",
      },
      {
        name: "a rollback deletes the profile of an Action that was made anew",
        find: 'const action = actionFor(state, "custom-token-exchange");',
        replace: 'const action = actionFor(current, "custom-token-exchange");',
        only: "^rollback, deploy_version",
      },
    ],
  ],
  [
    "src/deploy/resources/bindings.ts",
    TABLE,
    [
      {
        name: "bindings_conflict is not thrown",
        find: "if (order(await readBindings(api)) === order(wanted)) return;",
        replace: "return;",
        only: "bind",
      },
      {
        name: "our binding goes last of other deployments' too",
        find: "const bindings = withoutNeighbours(current.bindings, current);",
        replace: "const bindings = current.bindings;",
        only: "^apply, bind",
      },
      {
        name: "others' bindings lose their names",
        find: "display_name: displayName,\n  }));",
        replace: 'display_name: displayName.replace("!", ""),\n  }));',
        only: "^apply, create_api",
      },
      {
        name: "bind goes by the list of the plan",
        find: 'position === "first"\n      ? 0\n',
        replace: 'position === "last"\n      ? 3\n',
        only: "^apply, bind",
      },
      {
        name: "a rollback puts our binding first",
        find: "others.findLastIndex((one) => position.behind.includes(one.actionId)) + 1;",
        replace: "0;",
        only: "^rollback, bind",
      },
      {
        name: "a rollback moves our binding for what others bound",
        find: "if (now && stood === stands) return [];",
        replace: "if (now && now.length === before.length) return [];",
        only: "^rollback, bind",
      },
      {
        name: "unbind takes everybody out",
        find: "if (others.length < bindings.length) await replace(api, others);",
        replace: "if (others.length < bindings.length) await replace(api, []);",
        only: "^destroy, unbind",
      },
    ],
  ],
  [
    "src/deploy/resources/actions.ts",
    TABLE,
    [
      {
        name: "action_foreign is not thrown",
        find: "if (!action.isMarked && !(known?.isMarked && known.id === action.id)) {",
        replace: "if (false) {",
        only: "create_action",
      },
      {
        name: "a stranger that the journal noted is ours",
        find: "!(known?.isMarked && known.id === action.id)",
        replace: "known?.id !== action.id",
        only: "create_action",
      },
      {
        name: "an Action that was overwritten by hand is not ours",
        find: "!(known?.isMarked && known.id === action.id)",
        replace: "true",
        only: "^apply, update_action",
      },
      {
        name: "an Action that was copied from another tenant is ours",
        find: "if (action.madeFor !== undefined) {",
        replace: "if (false) {",
        only: "create_action",
      },
      {
        name: "an Action of our name with another trigger is not seen",
        find: "const id = listed.find((one) => one.name === name)?.id;",
        replace: "const id = listed.find((one) => one.name === name && isOfTrigger(one, trigger))?.id;",
        only: "create_action",
      },
      {
        name: "a secret that is missing or added is not seen",
        find: "...(names(deployed.secrets) === names(wanted) ? [] : [`secrets: ${names(wanted)}`]),",
        replace: "",
        only: "^apply, update_action",
      },
      {
        name: "a secret that others set is not seen",
        find: "known.some((before) => before.name === name && before.updatedAt !== updatedAt),",
        replace: "false,",
        only: "^apply, update_action",
      },
      {
        name: "a secret that another pipeline set counts as set by others",
        find: "changedSecrets(deployed.secrets, isKnown ? known.deployed.secrets : undefined)",
        replace: "changedSecrets(deployed.secrets, known?.deployed?.secrets)",
        only: "^apply, update_action, exchange",
      },
      {
        name: "another runtime is not seen",
        find: "...(deployed.runtime === RUNTIME ? [] : [`runtime ${deployed.runtime} → ${RUNTIME}`]),",
        replace: "",
        only: "^apply, update_action",
      },
      {
        name: "other packages are not seen",
        find: "...(packages(deployed.dependencies) === packages(desired.dependencies)\n      ? []\n      : [`npm packages: ${packages(desired.dependencies)}`]),",
        replace: "",
        only: "^apply, update_action",
      },
      {
        name: "an Action that was never deployed is let be",
        find: ': ["is not deployed"];',
        replace: ": [];",
        only: "^apply, update_action",
      },
      {
        name: "a rollback leaves another runtime",
        find: "if (now.deployed?.codeHash === codeHash && now.deployed.runtime === runtime) {",
        replace: "if (now.deployed?.codeHash === codeHash) {",
        only: "^rollback, deploy_version",
      },
    ],
  ],
  [
    "src/deploy/resources/deploy-action.ts",
    TABLE,
    [
      {
        name: "a rollback leaves the draft as it is",
        find: "{ update_draft: true }",
        replace: "{ update_draft: false }",
        only: "^rollback, deploy_version",
      },
      {
        name: "an Action is deployed before it is built",
        find: 'return status === "built";',
        replace: "return true;",
        only: "^apply, create_action",
      },
      {
        name: "a build that failed is waited for",
        find: 'if (status === "failed") throw await buildFailure(api, id, name);',
        replace: "",
        tests: ["test/deploy/apply.test.ts"],
        only: "failing build",
      },
      {
        name: "an Action counts as deployed before it is",
        find: 'deployed_version?.id === versionId && deployed_version?.status === "built",',
        replace: "true,",
        only: "^apply, (create|update)_action",
      },
    ],
  ],
  [
    "src/deploy/resources/clients.ts",
    TABLE,
    [
      {
        name: "client_missing is not thrown",
        find: "if (!client) throw missing(clientId);\n  if",
        replace: "if (!client) return [];\n  if",
        only: "^apply, enable_client",
      },
      {
        name: "enable_client drops other types",
        find: "await writeTypes(api, clientId, [...types, CUSTOM_AUTHENTICATION]);",
        replace: "await writeTypes(api, clientId, [CUSTOM_AUTHENTICATION]);",
        only: "^apply, enable_client",
      },
      {
        name: "disable_client takes away a list that was there",
        find: "others.length > 0 || keepsList ? others : null",
        replace: "others.length > 0 ? others : null",
        only: "^apply --prune, disable_client",
      },
      {
        name: "disable_client leaves the list that we made",
        find: "others.length > 0 || keepsList ? others : null",
        replace: "others",
        only: "^apply --prune, disable_client",
      },
      {
        name: "disable_client drops other types",
        find: "const others = types.filter((type) => type !== CUSTOM_AUTHENTICATION);",
        replace: "const others = [];",
        only: "^apply --prune, disable_client",
      },
      {
        name: "our type is taken from a client that had it before us",
        find: 'if (gift?.kind !== "client" || !types?.includes(CUSTOM_AUTHENTICATION)) return [];\n  const keepsList = gift.hadList === true;',
        replace:
          "if (!types?.includes(CUSTOM_AUTHENTICATION)) return [];\n  const keepsList = gift?.hadList === true;",
        only: "^destroy, disable_client",
      },
      {
        name: "a rollback gives our type to a client that it did not give it to",
        find: "if (!had || types?.includes(CUSTOM_AUTHENTICATION) || !isGiven) return [];",
        replace: "if (!had || types?.includes(CUSTOM_AUTHENTICATION)) return [];",
        only: "^rollback, enable_client",
      },
    ],
  ],
  [
    "src/deploy/resources/ip-throttling.ts",
    TABLE,
    [
      {
        name: "throttling that is set already is set again",
        find: 'if (share?.kind !== "throttling" || has(current, share)) return [];',
        replace: 'if (share?.kind !== "throttling") return [];',
        only: "^(destroy|rollback), set_ip_throttling",
      },
      {
        name: "throttling is set to other numbers",
        find: "const limits = { max_attempts: stage.maxAttempts, rate: stage.regainMs };",
        replace: "const limits = { max_attempts: stage.maxAttempts, rate: stage.maxAttempts };",
        only: "^apply, set_ip_throttling",
      },
    ],
  ],
  [
    "src/deploy/carry-out.ts",
    TABLE,
    [
      {
        name: "replace_profile does not delete first",
        find: '    case "replace_profile":\n      await deleteProfile(api, effect.id);\n',
        replace: '    case "replace_profile":\n',
        only: "^apply, replace_profile",
      },
      {
        name: "what was refused is not noted",
        find: 'if (error instanceof ApiKeysError && error.code === "management_refused") await watcher.refused(change);',
        replace: "",
        only: "^apply, create_api",
      },
    ],
  ],
  [
    "src/deploy/apply.ts",
    TABLE,
    [
      {
        name: "deployment_unsettled is not thrown",
        find: "if (left.length === 0) return;",
        replace: "return;",
        only: "^apply, (update_api|set_ip_throttling)",
      },
      {
        name: "conflicts are not refused",
        find: "  refuseConflicts(desired, current);\n",
        replace: "",
        only: "^apply, (create_profile|update_api)",
      },
      {
        name: "limit_exceeded is not thrown",
        find: "  refuseExceeded(desired, current);\n",
        replace: "",
        only: "room|is full",
      },
      {
        name: "apply prunes without --prune",
        find: "prune ? given.filter((gift) => !isAmong(gift, uses)) : []",
        replace: "given.filter((gift) => !isAmong(gift, uses))",
        only: "^apply --prune, update_api",
      },
      {
        name: "apply --prune takes what is still used",
        find: "prune ? given.filter((gift) => !isAmong(gift, uses)) : []",
        replace: "prune ? given : []",
        only: "^apply --prune, update_api",
      },
      {
        name: "what was pruned still counts as given",
        find: "const kept = given.filter((gift) => !isAmong(gift, pruned.taken));",
        replace: "const kept = given;",
        only: "^apply --prune, update_api",
      },
      {
        name: "the Action is told of scopes that are being pruned",
        find: "const actions = await makeActions(sources, desired, left, kept);",
        replace: "const actions = await makeActions(sources, desired, current, kept);",
        only: "^apply --prune, update_api",
      },
      {
        name: "another deployment that came after the plan is not seen",
        find: "if (isDeepStrictEqual(neighbours, before)) return;",
        replace: "return;",
        only: "^apply --prune, delete_api",
      },
      {
        name: "another deployment is not looked for where a client is disabled",
        find: 'return effect.kind === "delete_api" || effect.kind === "disable_client";',
        replace: 'return effect.kind === "delete_api";',
        only: "^apply --prune, disable_client",
      },
      {
        name: "another deployment is not looked for where scopes are taken",
        find: "return effect.removeScopes.length > 0 || effect.skipsConsent === false;",
        replace: "return false;",
        only: "^apply --prune, update_api",
      },
      {
        name: "the end of a run is not written",
        find: 'await journal.append({ entry: "end", at: at(), after });',
        replace: "",
        only: "^rollback, deploy_version",
      },
    ],
  ],
  [
    "src/deploy/conflicts.ts",
    CONFLICTS,
    [
      {
        name: "two deployments may have one type",
        find: "(mark.subjectTokenType === desired.subjectTokenType",
        replace: "(false",
        only: "never share",
      },
      {
        name: "two deployments may have one prefix",
        find: "desired.keyPrefixes.filter((prefix) => mark.keyPrefixes.includes(prefix));",
        replace: "[];",
        only: "never share",
      },
      {
        name: "two deployments may have one Redis database",
        find: "(mark.store === desired.store ?",
        replace: "(false ?",
        only: "never share",
      },
      {
        name: "two deployments may want two lifetimes of one API",
        find: "other.seconds !== wanted;",
        replace: "false;",
        only: "never share",
      },
      {
        name: "two deployments may want two throttlings",
        find: "...(isThrottledOtherwise ?",
        replace: "...(false ?",
        tests: TABLE,
        only: "^apply, set_ip_throttling",
      },
      {
        name: "two deployments may not want the same lifetime",
        find: "other.seconds !== wanted;",
        replace: "true;",
        tests: TABLE,
        only: "^apply, update_api, lifetime",
      },
    ],
  ],
  [
    "src/deploy/limits.ts",
    TABLE,
    [
      {
        name: "the last place is not taken",
        find: "return needs > 0 && has + needs > most;",
        replace: "return needs > 0 && has + needs >= most;",
        only: "room",
      },
      {
        name: "one place too many is taken",
        find: "return needs > 0 && has + needs > most;",
        replace: "return needs > 0 && has + needs > most + 1;",
        only: "room|is full",
      },
      {
        name: "a full tenant takes no change",
        find: "return needs > 0 && has + needs > most;",
        replace: "return has + needs >= most;",
        tests: CONFLICTS,
        only: "full",
      },
    ],
  ],
  [
    "src/deploy/shares.ts",
    TABLE,
    [
      {
        name: "what another deployment gave is not given on",
        find: "    ...others.filter((gift) => isAmong(gift, uses)),\n",
        replace: "",
        only: "^apply, create_api",
      },
      {
        name: "everything that another deployment gave is given on",
        find: "    ...others.filter((gift) => isAmong(gift, uses)),\n",
        replace: "...others,\n",
        only: "another deployment",
      },
      {
        name: "what was there before counts as given",
        find: "...uses.filter((use) => !has(before(use), use)).map",
        replace: "...uses.map",
        only: "^apply, update_api",
      },
      {
        name: "what an interrupted run gave does not count as given",
        find: "const before = (use: Share) => (interrupted && isWritten(use) ? interrupted.before : current);",
        replace: "const before = (_: Share) => current;",
        only: "^apply, create_api",
      },
      {
        name: "all scopes of an API that an interrupted run made count as given",
        find: "(isFirst ? [] : giftsSince(beforeAll, current))",
        replace: "giftsSince(beforeAll, current)",
        only: "^apply, create_api",
      },
      {
        name: "without Actions the journal does not tell what was given",
        find: "const noted = (current.mark ?? recorded?.mark)?.gave;",
        replace: "const noted = current.mark?.gave;",
        only: "^destroy, delete_action",
      },
      {
        name: "what others set since is overwritten",
        find: "return set !== undefined && !has(current, set);",
        replace: "return false;",
        only: "lifetime|set_ip_throttling",
      },
      {
        name: "what an interrupted run set counts as set by others",
        find: 'if (interrupted || (share.kind !== "lifetime" && share.kind !== "throttling")) return false;',
        replace: 'if (share.kind !== "lifetime" && share.kind !== "throttling") return false;',
        tests: ["test/deploy/interrupted.test.ts"],
      },
      {
        name: "throttling of a later application is not taken back",
        find: "return state.ipThrottling !== undefined && !has(state, gift);",
        replace: "return true;",
        only: "^rollback, set_ip_throttling",
      },
      {
        name: "a lifetime of a later application is not taken back",
        find: 'return has(state, { kind: "api", of: gift.of }) && !has(state, gift);',
        replace: "return true;",
        only: "^rollback, update_api, lifetime",
      },
      {
        name: "the throttling of before is not noted",
        find: "return { ...use, ...ipThrottling };",
        replace: "return use;",
        only: "^apply, set_ip_throttling",
      },
      {
        name: "whether a client had a list is not noted",
        find: "return { ...use, hadList: clients.some(({ clientId, types }) => clientId === use.of && types) };",
        replace: "return use;",
        only: "^apply, create_api",
      },
    ],
  ],
  [
    "src/deploy/restore.ts",
    TABLE,
    [
      {
        name: "what another deployment uses is taken",
        find: "const taken = silent.length > 0 ? [] : gifts.filter((gift) => !isAmong(gift, used));",
        replace: "const taken = silent.length > 0 ? [] : gifts;",
        only: "another deployment",
      },
      {
        name: "what a deployment that does not say may use is taken",
        find: "const taken = silent.length > 0 ? [] : gifts.filter((gift) => !isAmong(gift, used));",
        replace: "const taken = gifts.filter((gift) => !isAmong(gift, used));",
        only: "does not say",
      },
      {
        name: "a rollback takes what an earlier application gave",
        find: "const given = gave.filter((gift) => !wasGivenAt(target, gift));",
        replace: "const given = gave;",
        only: "^rollback",
      },
      {
        name: "a rollback does not set again what was set",
        find: "      ...giveBackIpThrottling(set, current),\n",
        replace: "",
        only: "^rollback, set_ip_throttling",
      },
      {
        name: "a rollback sets again what another deployment sets",
        find: "(use) => !isAmong(use, others) && !isSetByOthers(use, current, history),",
        replace: "(use) => !isAmong(use, given) && !isSetByOthers(use, current, history),",
        only: "^rollback",
      },
      {
        name: "Actions go before what they say was given",
        find: "      ...restoreProfile(target, current),\n      ...restoreBinding(target, current),\n",
        replace:
          "      ...actions.flatMap(({ changes: own }) => own),\n      ...restoreProfile(target, current),\n      ...restoreBinding(target, current),\n",
        only: "^destroy, delete_profile",
      },
    ],
  ],
  [
    "src/deploy/read-tenant.ts",
    TABLE,
    [
      {
        name: "what was given and is configured no more is not read",
        find: "...(mark ? [...mark.uses, ...mark.gave] : [])",
        replace: "",
        only: "^apply --prune, delete_api",
      },
      {
        name: "a rollback does not read the clients of before",
        find: "...(target?.clients ?? []).map(({ clientId }) => clientId),",
        replace: "",
        only: "^rollback, enable_client",
      },
      {
        name: "a rollback does not read the APIs of before",
        find: "...(target?.apis ?? []).map(({ identifier }) => identifier),",
        replace: "",
        only: "^rollback, create_api",
      },
      {
        name: "any profile for our Action is ours",
        find: "actionId === exchange?.id && (name === desired.name || subjectTokenType === mark?.subjectTokenType),",
        replace: "actionId === exchange?.id,",
        only: "create_profile|delete_profile",
      },
      {
        name: "our profile of another type is not found by its name",
        find: "(name === desired.name || subjectTokenType === mark?.subjectTokenType),",
        replace: "subjectTokenType === mark?.subjectTokenType,",
        only: "^apply, update_profile",
      },
      {
        name: "our profile of the type of before is not found",
        find: "(name === desired.name || subjectTokenType === mark?.subjectTokenType),",
        replace: "name === desired.name,",
        only: "update_profile",
      },
    ],
  ],
  [
    "src/deploy/undo.ts",
    TABLE,
    [
      {
        name: "deployment_unknown is not thrown",
        find: "if (current.actions.length === 0 && !beforeAll",
        replace: "if (false && !beforeAll",
        only: "^destroy, delete_action",
      },
      {
        name: "strangers that the journal noted are removed",
        find: "recorded && ownActions(recorded).some((one) => one.id === id);",
        replace: "recorded?.actions.some((one) => one.id === id);",
        only: "^destroy, delete_action",
      },
      {
        name: "an Action that was overwritten by hand is left",
        find: "own.includes(one) || isKnown(one.id)",
        replace: "own.includes(one)",
        only: "^destroy, delete_action",
      },
      {
        name: "destroy takes any Action of our names",
        find: "own.includes(one) || isKnown(one.id)",
        replace: "true",
        only: "^destroy, delete_action",
      },
      {
        name: "keys are dropped after the Actions are gone",
        find: "  await beforeActions();\n  await journaled(deploying, command, { ...planned, changes: planned.changes.filter(isLast) });\n",
        replace:
          "  await journaled(deploying, command, { ...planned, changes: planned.changes.filter(isLast) });\n  await beforeActions();\n",
        tests: [...PROGRAM, "test/faults/drop-keys.test.ts"],
      },
    ],
  ],
  [
    "src/deploy/journal.ts",
    JOURNAL,
    [
      {
        name: "journal_foreign is not thrown",
        find: "if (entry.tenant === tenant && entry.name === name) return;\n",
        replace: "return;\n",
      },
      {
        name: "a change that was refused counts as written",
        find: 'if (entry.entry === "refused") last?.writes.pop();\n      else last?.writes.push(entry);',
        replace: "last?.writes.push(entry);",
        tests: TABLE,
        only: "^apply, create_api",
      },
      {
        name: "a journal that is older than the tenant is taken",
        find: "  if (older === undefined) return;",
        replace: "  if (older ?? true) return;",
        tests: TABLE,
        only: "^rollback, deploy_version",
      },
      {
        name: "a rollback does not go one step back",
        find: 'if (open === "rollback") steps.pop();',
        replace: "",
      },
      {
        name: "a destruction forgets nothing",
        find: 'if (open === "destroy") steps.length = 0;',
        replace: "",
      },
      {
        name: "what completes an interrupted application is a step of its own",
        find: 'if (open === "apply" && last) last.befores.push(entry.before);\n        else steps',
        replace: "steps",
      },
      {
        name: "an interrupted run leaves a recorded state",
        find: "      open = entry.command;\n      recorded = undefined;",
        replace: "      open = entry.command;",
        tests: TABLE,
        only: "^rollback, deploy_version",
      },
      {
        name: "a damaged journal is read without the damage",
        find: "} else throw damaged(from, `is damaged: line ${at + 1} is no entry`);",
        replace: "}",
      },
    ],
  ],
  [
    "src/deploy/desired.ts",
    TABLE,
    [
      {
        name: "the Actions do not know the scopes of others",
        find: "otherScopes: otherScopesOf(api, current)",
        replace: "otherScopes: []",
        only: "^apply, update_api, scopes",
      },
      {
        name: "the scopes of others hold our own",
        find: ".filter((value) => !scopes.includes(value))\n",
        replace: "",
        only: "^apply, create_api",
      },
      {
        name: "post-login is given the secrets",
        find: 'trigger === "custom-token-exchange" ? { ...secrets } : {}',
        replace: "{ ...secrets }",
        only: "^apply, create_action",
      },
      {
        name: "bundles are not checked",
        find: "    checkBundle({ ...bundle, code });\n",
        replace: "",
        tests: ["test/deploy/check-bundle.test.ts", "test/deploy/plan.test.ts", "test/deploy/apply.test.ts"],
      },
      {
        name: "secrets that are too long are sent",
        find: "    refuseLongSecrets(given);\n",
        replace: "",
        tests: ["test/deploy/check-bundle.test.ts"],
      },
    ],
  ],
  [
    "src/deploy/management-api.ts",
    ["test/deploy/management-api.test.ts"],
    [
      {
        name: "the rate limit is not waited for",
        find: "if (statusOf(error) !== 429 || attempt === MAX_ATTEMPTS) throw error;",
        replace: "throw error;",
      },
      {
        name: "every failure is tried again",
        find: "if (statusOf(error) !== 429 || attempt === MAX_ATTEMPTS) throw error;",
        replace: "if (attempt === MAX_ATTEMPTS) throw error;",
      },
      {
        name: "a request that was given up counts as refused",
        find: " && status !== 408",
        replace: "",
      },
      {
        name: "what is not there is an error",
        find: "if (statusOf(error) === 404) return undefined;",
        replace: "",
      },
    ],
  ],
  [
    "src/deploy/mark.ts",
    ["test/deploy/mark.test.ts"],
    [
      {
        name: "the first mark in the code counts",
        find: "findLast((one) => one.startsWith(BEGINNING));\n  try",
        replace: "find((one) => one.startsWith(BEGINNING));\n  try",
      },
      {
        name: "databases with other paths are one",
        find: '`${host}${pathname.replace(/\\/+$/, "")}`',
        replace: "host",
      },
    ],
  ],
  [
    "src/deploy/store-checks.ts",
    STORE,
    [
      {
        name: "a wrong token is not told",
        find: "      wrong_token: [",
        replace: "      nothing: [",
      },
      {
        name: "a token that may not read is not told",
        find: "      not_permitted: [",
        replace: "      nothing: [",
      },
      {
        name: "a token of another database is not told",
        find: "if (isSeen && !facts.isSame) {",
        replace: "if (false) {",
      },
      {
        name: "a token that cannot write is not told",
        find: 'if (facts.standard === "reached" && facts.standardWrites !== "reached") {',
        replace: "if (false) {",
      },
      {
        name: "another's marker is not told",
        find: 'if (facts.marker === "foreign") {',
        replace: "if (false) {",
      },
    ],
  ],
  [
    "src/cli/deploy/confirm.ts",
    PROGRAM,
    [
      {
        name: "a plan is carried out without a yes",
        find: "if (yes) return true;",
        replace: "return true;",
        only: "without a yes",
      },
      {
        name: "destroy --yes needs no tenant",
        find: "if (isRight(given)) return",
        replace: "return",
        only: "tenant's domain",
      },
      {
        name: "whatever is typed for the tenant will do",
        find: "text?.trim().toLowerCase() === tenant",
        replace: "text !== undefined",
        only: "tenant's domain",
      },
      {
        name: "a prefix is dropped unconfirmed",
        find: 'if (one.kind !== "prefix" || given.includes(one.of)) continue;',
        replace: "continue;",
        tests: ["test/e2e/prefixes.test.ts"],
        only: "without retiring the old one",
      },
      {
        name: "whatever is typed for a prefix will do",
        find: "(await terminal.ask(question)) === prefix",
        replace: "(await terminal.ask(question)) !== undefined",
        tests: ["test/e2e/prefixes.test.ts"],
        only: "without retiring the old one",
      },
    ],
  ],
  [
    "src/cli/deploy/deploy-program.ts",
    PROGRAM,
    [
      {
        name: "apply does not look at the store first",
        find: "refuseUnreadable(store, first.keys.deployment, first.config.lastUsed);",
        replace: "",
        tests: ["test/deploy/doctor.test.ts", "test/e2e/two-deployments.test.ts"],
      },
      {
        name: "apply does not ask for prefixes",
        find: "await confirmPrefixes(planned.gone, options.dropPrefix ?? [], environment);",
        replace: "",
        tests: ["test/e2e/prefixes.test.ts"],
        only: "without retiring the old one",
      },
      {
        name: "destroy does not ask for the tenant",
        find: "if (isAsked) await confirmTenant(options, opened.settings.tenant, environment);",
        replace: "",
        only: "tenant's domain",
      },
    ],
  ],
  [
    "src/deploy/journal.ts",
    JOURNAL,
    [
      {
        name: "a journal of Actions that were made anew is believed",
        find: "(({ before, now, isAnother }) => isAnother || now >",
        replace: "(({ before, now }) => now >",
        only: "made anew with the same version numbers",
      },
    ],
  ],
];
