// Made by auth0-api-keys, from actions/post-login.ts: change it there, not here.
"use strict";
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

// actions/post-login.ts
var post_login_exports = {};
__export(post_login_exports, {
  onExecutePostLogin: () => onExecutePostLogin
});
module.exports = __toCommonJS(post_login_exports);

// src/core/key-format.ts
var KEY_ID_LENGTH = 12;
var SECRET_LENGTH = 32;
var CHECKSUM_LENGTH = 6;
var PREFIX = "[a-z][a-z0-9]{1,14}(?:_[a-z0-9]{1,8})?";
var BODY = `[0-9A-Za-z]{${KEY_ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH}}`;
var PREFIX_ONLY = new RegExp(`^${PREFIX}$`);
var KEY_ID_ONLY = new RegExp(`^[0-9A-Za-z]{${KEY_ID_LENGTH}}$`);
var WHOLE_KEY = new RegExp(`^(${PREFIX})_(${BODY})$`);
function isKeyId(text) {
  return KEY_ID_ONLY.test(text);
}
var CRC32_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 3988292384 : crc >>> 1;
  return crc;
});

// src/core/actor.ts
var ACTOR_PREFIX = "api-key|";
function keyIdOfActor(actorSub) {
  if (!actorSub?.startsWith(ACTOR_PREFIX)) return void 0;
  const keyId = actorSub.slice(ACTOR_PREFIX.length);
  return isKeyId(keyId) ? keyId : void 0;
}

// src/core/key-entry.ts
var MAX_SECONDS = 864e10;
var ENTRIES_FIELD = "api_keys";
function keyStatus(key, nowSeconds) {
  if (key.revoked_at !== void 0) return "revoked";
  if (key.exp !== void 0 && nowSeconds >= key.exp) return "expired";
  return key.disabled_at === void 0 ? "active" : "disabled";
}
function scopesOf(scope) {
  return [...new Set(scope.split(" ").filter((one) => one !== ""))];
}
function keyEntriesOf(appMetadata) {
  const entries = isObject(appMetadata) ? appMetadata[ENTRIES_FIELD] : void 0;
  return Array.isArray(entries) ? entries.filter(isKeyEntry) : [];
}
function isKeyEntry(value) {
  return isObject(value) && typeof value["name"] === "string" && hasKeyFields(value);
}
function hasKeyFields(value) {
  const {
    id,
    hash,
    v,
    iat,
    exp,
    scope,
    aud,
    org_id,
    ip,
    clients,
    revoked_at,
    revoked_reason,
    disabled_at,
    previous
  } = value;
  return typeof id === "string" && isKeyId(id) && typeof hash === "string" && isSeconds(v) && isSeconds(iat) && isAbsentOr(isSeconds, exp) && isAbsentOr(isString, scope) && isAbsentOr(isStrings, aud) && isAbsentOr(isString, org_id) && isAbsentOr(isStrings, ip) && isAbsentOr(isStrings, clients) && isAbsentOr(isSeconds, revoked_at) && isAbsentOr(isString, revoked_reason) && isAbsentOr(isSeconds, disabled_at) && isAbsentOr(isPrevious, previous);
}
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
function isPrevious(value) {
  return isObject(value) && isString(value["hash"]) && isSeconds(value["v"]) && isSeconds(value["exp"]);
}
function isAbsentOr(test, value) {
  return value === void 0 || test(value);
}
function isString(value) {
  return typeof value === "string";
}
function isStrings(value) {
  return Array.isArray(value) && value.every(isString);
}
function isSeconds(value) {
  return Number.isSafeInteger(value) && value >= 0 && value <= MAX_SECONDS;
}

// src/core/narrow-scopes.ts
var OIDC_SCOPES = ["openid", "profile", "email", "address", "phone", "offline_access"];
function scopesToRemove(scope, audience, deployment) {
  const api = deployment.apis.find(({ identifier }) => identifier === audience);
  if (!api) return void 0;
  if (scope === void 0) return [];
  const kept = scopesOf(scope);
  return [...api.scopes, ...OIDC_SCOPES].filter((one) => !kept.includes(one));
}

// src/core/decide-login.ts
function decideLogin(request, deployment, nowSeconds) {
  const isOurs = request.protocol === "oauth2-token-exchange" && request.subjectTokenType === deployment.subjectTokenType;
  if (!isOurs) return { kind: "pass" };
  const keyId = keyIdOfActor(request.actorSub);
  const entry = keyEntriesOf(request.appMetadata).find(({ id }) => id === keyId);
  if (keyId === void 0 || !entry)
    return { kind: "deny", keyId, reason: "This API key is not known for this user." };
  const status = keyStatus(entry, nowSeconds);
  if (status !== "active") return { kind: "deny", keyId, reason: `This API key is ${status}.` };
  const removeScopes = scopesToRemove(entry.scope, request.audience, deployment);
  if (!removeScopes)
    return { kind: "deny", keyId, reason: "This API key may not be used for this audience." };
  return { kind: "narrow", keyId, removeScopes };
}

// actions/post-login.ts
async function onExecutePostLogin(event, api) {
  const decision = decideLogin(
    {
      protocol: event.transaction?.protocol,
      subjectTokenType: event.transaction?.subject_token_type,
      actorSub: event.transaction?.actor?.sub,
      audience: event.resource_server?.identifier,
      appMetadata: event.user.app_metadata
    },
    DEPLOYMENT,
    Math.floor(Date.now() / 1e3)
  );
  switch (decision.kind) {
    case "pass":
      return;
    case "deny":
      return api.access.deny(decision.reason);
    case "narrow":
      for (const scope of decision.removeScopes) api.accessToken.removeScope(scope);
  }
}
// Annotate the CommonJS export names for ESM import in node:
0 && (module.exports = {
  onExecutePostLogin
});
