// Made by auth0-api-keys, from actions/custom-token-exchange.ts: change it there, not here.
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

// actions/custom-token-exchange.ts
var custom_token_exchange_exports = {};
__export(custom_token_exchange_exports, {
  onExecuteCustomTokenExchange: () => onExecuteCustomTokenExchange
});
module.exports = __toCommonJS(custom_token_exchange_exports);

// src/core/base62.ts
var ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
function wrapToBase62(bytes, width) {
  let rest = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  let text = "";
  for (let at = 0; at < width; at++, rest /= 62n) text = ALPHABET.charAt(Number(rest % 62n)) + text;
  return text;
}
function encodeBase62(value, width) {
  let text = "";
  for (let rest = value; rest > 0; rest = Math.floor(rest / 62)) text = ALPHABET.charAt(rest % 62) + text;
  return text.padStart(width, "0");
}

// src/core/key-format.ts
var KEY_ID_LENGTH = 12;
var SECRET_LENGTH = 32;
var CHECKSUM_LENGTH = 6;
var PREFIX = "[a-z][a-z0-9]{1,14}(?:_[a-z0-9]{1,8})?";
var BODY = `[0-9A-Za-z]{${KEY_ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH}}`;
var PREFIX_ONLY = new RegExp(`^${PREFIX}$`);
var KEY_ID_ONLY = new RegExp(`^[0-9A-Za-z]{${KEY_ID_LENGTH}}$`);
var WHOLE_KEY = new RegExp(`^(${PREFIX})_(${BODY})$`);
function inspectKey(text) {
  const [, prefix, body] = WHOLE_KEY.exec(text) ?? [];
  if (prefix === void 0 || body === void 0) return void 0;
  const isChecksumRight = checksum(text.slice(0, -CHECKSUM_LENGTH)) === text.slice(-CHECKSUM_LENGTH);
  return { prefix, id: body.slice(0, KEY_ID_LENGTH), isChecksumRight };
}
function isKeyId(text) {
  return KEY_ID_ONLY.test(text);
}
var CRC32_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 3988292384 : crc >>> 1;
  return crc;
});
function checksum(text) {
  let crc = 4294967295;
  for (let at = 0; at < text.length; at++) {
    crc = (CRC32_TABLE[(crc ^ text.charCodeAt(at)) & 255] ?? 0) ^ crc >>> 8;
  }
  return encodeBase62(~crc >>> 0, CHECKSUM_LENGTH);
}

// src/core/actor.ts
var ACTOR_PREFIX = "api-key|";
function actorOf(keyId) {
  return ACTOR_PREFIX + keyId;
}

// src/core/ip-ranges.ts
var import_node_net = require("node:net");
var FAMILIES = { 4: "ipv4", 6: "ipv6" };
function isInIpRanges(address, ranges) {
  const family = (0, import_node_net.isIP)(address ?? "");
  if (address === void 0 || family !== 4 && family !== 6) return false;
  const list = new import_node_net.BlockList();
  for (const range of ranges) {
    const parsed = parse(range);
    if (parsed) list.addSubnet(parsed.network, parsed.bits, parsed.family);
  }
  return list.check(address, FAMILIES[family]);
}
function parse(range) {
  const [network = "", bits, ...rest] = range.split("/");
  const family = (0, import_node_net.isIP)(network);
  if (family !== 4 && family !== 6 || rest.length > 0 || network.includes("%")) return void 0;
  const maxBits = family === 4 ? 32 : 128;
  if (bits !== void 0 && (!/^(0|[1-9][0-9]{0,2})$/.test(bits) || Number(bits) > maxBits)) return void 0;
  return { network, bits: Number(bits ?? maxBits), family: FAMILIES[family] };
}

// src/core/key-entry.ts
var MAX_SECONDS = 864e10;
function keyStatus(key, nowSeconds) {
  if (key.revoked_at !== void 0) return "revoked";
  if (key.exp !== void 0 && nowSeconds >= key.exp) return "expired";
  return key.disabled_at === void 0 ? "active" : "disabled";
}
function isOverlapping(key, nowSeconds) {
  return key.previous !== void 0 && nowSeconds < key.previous.exp;
}
function deadSinceSeconds(key, nowSeconds) {
  const ends = [key.revoked_at, key.exp].filter((end) => end !== void 0 && end <= nowSeconds);
  return ends.length === 0 ? void 0 : Math.min(...ends);
}
function scopesOf(scope) {
  return [...new Set(scope.split(" ").filter((one) => one !== ""))];
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

// src/core/peppers.ts
var import_node_crypto = require("node:crypto");

// src/core/errors.ts
var ApiKeysError = class extends Error {
  name = "ApiKeysError";
  code;
  fix;
  constructor(code, message, fix, cause) {
    super(message, cause === void 0 ? void 0 : { cause });
    this.code = code;
    this.fix = fix;
  }
};

// src/core/peppers.ts
var MIN_PEPPER_BYTES = 32;
var FIX = "Make one with: openssl rand -base64 32";
function parsePeppers(text) {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  const peppers = parts.map((part) => {
    const match = /^(?:([1-9][0-9]{0,8}):)?([0-9A-Za-z+/_-]+)={0,2}$/.exec(part);
    if (!match || match[1] === void 0 && parts.length > 1) {
      throw new ApiKeysError("pepper_invalid", "A pepper is not of the form VERSION:BASE64.", FIX);
    }
    const root = Buffer.from(match[2] ?? "", "base64url");
    if (root.length < MIN_PEPPER_BYTES) {
      throw new ApiKeysError("pepper_invalid", `A pepper is shorter than ${MIN_PEPPER_BYTES} bytes.`, FIX);
    }
    return derive(Number(match[1] ?? 1), root);
  });
  const [current] = peppers;
  if (!current) throw new ApiKeysError("pepper_invalid", "There is no pepper.", FIX);
  const byVersion = new Map(peppers.map((pepper) => [pepper.version, pepper]));
  if (byVersion.size !== peppers.length) {
    throw new ApiKeysError(
      "pepper_invalid",
      "Two peppers have the same version.",
      "Number each pepper once."
    );
  }
  return { current, byVersion };
}
function hashKey(apiKey, pepper) {
  return (0, import_node_crypto.createHmac)("sha256", pepper.hashKey).update(apiKey).digest("base64url");
}
function sealOf(text, pepper) {
  return (0, import_node_crypto.createHmac)("sha256", pepper.sealKey).update(text).digest("base64url");
}
function isEqual(one, other) {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && (0, import_node_crypto.timingSafeEqual)(a, b);
}
function derive(version, root) {
  const key = (label) => new Uint8Array((0, import_node_crypto.hkdfSync)("sha256", root, "", label, 32));
  return { version, hashKey: key("hash"), sealKey: key("seal") };
}

// src/core/sealed-json.ts
var SEALED = /^v1\.([A-Za-z0-9_-]{43})\.(\{.*\})$/s;
function unseal(sealed, peppers) {
  const [, seal2 = "", text = ""] = SEALED.exec(sealed) ?? [];
  for (const pepper of peppers.byVersion.values()) {
    if (isEqual(seal2, sealOf(text, pepper))) {
      return { kind: "trusted", json: JSON.parse(text), pepperVersion: pepper.version };
    }
  }
  return { kind: "untrusted" };
}

// src/core/key-record.ts
function recordKey(keyId) {
  return `apikey:${keyId}`;
}
function openRecord(sealed, keyId, peppers) {
  const opened = unseal(sealed, peppers);
  if (opened.kind === "untrusted") return void 0;
  const { json } = opened;
  return isObject(json) && typeof json["sub"] === "string" && json["id"] === keyId && hasKeyFields(json) ? json : void 0;
}

// src/core/narrow-scopes.ts
var OIDC_SCOPES = ["openid", "profile", "email", "address", "phone", "offline_access"];
function isOidcScope(scope) {
  return OIDC_SCOPES.includes(scope);
}

// src/core/presented-key.ts
var import_node_crypto2 = require("node:crypto");
var MIN_FOREIGN_LENGTH = 24;
var MAX_FOREIGN_LENGTH = 1024;
var PRINTABLE = /^[\x21-\x7e]+$/;
function readPresentedKey(text, deployment) {
  const { keyPrefixes, acceptForeignKeys } = deployment;
  const parts = inspectKey(text);
  if (parts?.isChecksumRight && keyPrefixes.includes(parts.prefix)) {
    return { id: parts.id, hash: (pepper) => hashKey(text, pepper) };
  }
  return acceptForeignKeys === true && isForeignKey(text, keyPrefixes) ? foreignKey(sha256Of(text)) : void 0;
}
function isForeignKey(text, keyPrefixes) {
  return text.length >= MIN_FOREIGN_LENGTH && text.length <= MAX_FOREIGN_LENGTH && PRINTABLE.test(text) && inspectKey(text) === void 0 && !keyPrefixes.some((prefix) => text.startsWith(`${prefix}_`));
}
function foreignKey(sha256) {
  const text = `sha256:${Buffer.from(sha256).toString("base64url")}`;
  return { id: wrapToBase62(sha256, KEY_ID_LENGTH), hash: (pepper) => hashKey(text, pepper) };
}
function sha256Of(text) {
  return new Uint8Array((0, import_node_crypto2.createHash)("sha256").update(text).digest());
}

// src/core/store-marker.ts
var STORE_MARKER_KEY = "apikey-store";
var seen = /* @__PURE__ */ new WeakMap();
function readStoreMarker(sealed, subjectTokenType, peppers) {
  if (sealed === null) return "missing";
  const last = seen.get(peppers);
  if (last && last.subjectTokenType === subjectTokenType && isEqual(last.sealed, sealed)) return "ours";
  const opened = unseal(sealed, peppers);
  if (opened.kind === "untrusted" || !isObject(opened.json)) return "foreign";
  if (opened.json["store"] !== subjectTokenType) return "foreign";
  seen.set(peppers, { sealed, subjectTokenType });
  return "ours";
}

// src/core/decide-exchange.ts
var INVALID = "Invalid API key.";
var STAND_IN = "-".repeat(128);
var TRY_LATER = "API keys cannot be checked at the moment. Try again later.";
async function decideExchange(request, deployment, peppers, lookUp, nowSeconds) {
  const key = readPresentedKey(request.subjectToken, deployment);
  if (!key) {
    return { kind: "deny", cause: "malformed", code: "invalid_request", reason: INVALID };
  }
  const found = await lookUp(key.id);
  return { keyId: key.id, ...judge(key, found, request, deployment, peppers, nowSeconds) };
}
function judge(key, found, request, deployment, peppers, nowSeconds) {
  if (found.kind === "unavailable") return ourFault("store_unavailable");
  const marker = readStoreMarker(found.marker, deployment.subjectTokenType, peppers);
  if (marker !== "ours") return ourFault(marker === "missing" ? "store_unmarked" : "store_foreign");
  const record = found.record === null ? void 0 : openRecord(found.record, key.id, peppers);
  if (found.record !== null && !record) return ourFault("record_untrusted");
  const pepper = record ? peppers.byVersion.get(record.v) : peppers.current;
  if (!pepper) {
    const isDead = record !== void 0 && deadSinceSeconds(record, nowSeconds) !== void 0;
    return isDead ? deny("dead_under_retired_pepper", "invalid_request", INVALID) : ourFault("pepper_unknown");
  }
  if (!record) sealOf(STAND_IN, pepper);
  const isCurrent = isEqual(key.hash(pepper), record?.hash ?? "");
  const isPrevious2 = !isCurrent && matchesPrevious(key, record?.previous, peppers);
  if (!record) return { kind: "reject", cause: "unknown_key", reason: INVALID };
  if (!isCurrent && !isPrevious2) return { kind: "reject", cause: "wrong_secret", reason: INVALID };
  const refusal = refuseEnded(record, isPrevious2, nowSeconds) ?? refuseRestricted(record, request, deployment);
  if (refusal) return refusal;
  return {
    kind: "grant",
    cause: isPrevious2 ? "granted_previous_secret" : "granted",
    userId: record.sub,
    ...record.org_id === void 0 ? {} : { organizationId: record.org_id },
    actor: { sub: actorOf(key.id) }
  };
}
function matchesPrevious(key, previous, peppers) {
  const pepper = previous && peppers.byVersion.get(previous.v);
  const isSame = isEqual(key.hash(pepper ?? peppers.current), previous?.hash ?? "");
  return pepper !== void 0 && isSame;
}
function refuseEnded(record, isPrevious2, nowSeconds) {
  switch (keyStatus(record, nowSeconds)) {
    case "revoked":
      return deny("revoked", "invalid_request", `This API key was revoked at ${iso(record.revoked_at)}.`);
    case "expired":
      return deny("expired", "invalid_request", `This API key expired at ${iso(record.exp)}.`);
    case "disabled":
      return deny(
        "disabled",
        "invalid_request",
        `This API key is disabled since ${iso(record.disabled_at)}.`
      );
    case "active":
      if (!isPrevious2 || isOverlapping(record, nowSeconds)) return void 0;
      return deny(
        "previous_secret_expired",
        "invalid_request",
        `This API key was rotated, and its previous secret expired at ${iso(record.previous?.exp)}.`
      );
  }
}
function refuseRestricted(record, request, deployment) {
  if (record.clients && !record.clients.includes(request.clientId)) {
    return deny("client_not_allowed", "unauthorized_client", "This API key may not be used by this client.");
  }
  if (record.ip && !isInIpRanges(request.ip, record.ip)) {
    return deny("ip_not_allowed", "invalid_request", "This API key may not be used from this IP address.");
  }
  const audiences = record.aud ?? deployment.apis.map((api2) => api2.identifier);
  const api = deployment.apis.find(({ identifier }) => identifier === request.audience);
  if (!api || !audiences.includes(api.identifier)) {
    return deny("audience_not_allowed", "invalid_target", "This API key may not be used for this audience.");
  }
  if (record.org_id !== void 0 && (request.organizationId ?? record.org_id) !== record.org_id) {
    return deny(
      "organization_not_allowed",
      "invalid_request",
      "This API key belongs to another organization."
    );
  }
  const allowed = record.scope === void 0 ? void 0 : scopesOf(record.scope);
  const outside = request.requestedScopes.filter(
    (scope) => !isOidcScope(scope) && allowed?.includes(scope) === false
  );
  if (outside.length > 0) {
    return deny(
      "scope_not_allowed",
      "invalid_scope",
      `This API key does not have the scope: ${printable(outside)}.`
    );
  }
  return void 0;
}
function deny(cause, code, reason) {
  return { kind: "deny", cause, code, reason };
}
function ourFault(cause) {
  return deny(cause, "server_error", TRY_LATER);
}
function iso(seconds) {
  return new Date((seconds ?? 0) * 1e3).toISOString().replace(".000Z", "Z");
}
function printable(scopes) {
  return scopes.join(" ").replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, "?").slice(0, 500);
}

// src/stores/key-record-reader.ts
var import_redis = require("@upstash/redis");
function createRedis({ url, token, timeoutMs }) {
  if (!/^https?:\/\//.test(url) || token === "") throw new TypeError('"url" and "token" must be set');
  return new import_redis.Redis({
    url,
    token,
    retry: { retries: 0 },
    // A function: given one signal object, the client turns an abort into a made-up answer.
    signal: () => AbortSignal.timeout(timeoutMs),
    automaticDeserialization: false,
    enableAutoPipelining: false,
    enableTelemetry: false,
    readYourWrites: false
  });
}
async function readKeyRecord(redis, keyId) {
  try {
    const answer = await redis.mget(recordKey(keyId), STORE_MARKER_KEY);
    if (!Array.isArray(answer) || answer.length !== 2) return { kind: "unavailable" };
    const [record, marker] = answer;
    return isTextOrNull(record) && isTextOrNull(marker) ? { kind: "answered", record, marker } : { kind: "unavailable" };
  } catch {
    return { kind: "unavailable" };
  }
}
function isTextOrNull(value) {
  return value === null || typeof value === "string";
}

// src/core/key-use.ts
var USE_KEPT_SECONDS = 3456e4;
function useKey(keyId) {
  return `apikey-use:${keyId}`;
}

// src/stores/key-use-writer.ts
var TIMEOUT_MS = 200;
async function noteUse({ UPSTASH_REDIS_REST_URL: url = "", UPSTASH_REDIS_REST_TOKEN: token = "" }, keyId, ip, nowSeconds) {
  try {
    const key = useKey(keyId ?? "");
    const redis = createRedis({ url, token, timeoutMs: TIMEOUT_MS });
    const note = redis.pipeline().hset(key, { at: nowSeconds, ip: ip ?? "" }).hincrby(key, "count", 1);
    await note.expire(key, USE_KEPT_SECONDS).exec();
  } catch {
  }
}

// actions/custom-token-exchange.ts
var REDIS_TIMEOUT_MS = 2e3;
var kept;
async function onExecuteCustomTokenExchange(event, api) {
  const decision = await decide(event).catch(() => ourFault("unprepared"));
  const line = { event: "api_key_exchange", cause: decision.cause, key_id: decision.keyId };
  console.log(JSON.stringify(line));
  switch (decision.kind) {
    case "grant":
      if (decision.organizationId !== void 0) api.authentication.setOrganization(decision.organizationId);
      api.authentication.setActor(decision.actor);
      api.authentication.setUserById(decision.userId);
      if (DEPLOYMENT.lastUsed) {
        await noteUse(event.secrets, decision.keyId, event.request.ip, Math.floor(Date.now() / 1e3));
      }
      return;
    case "reject":
      return api.access.rejectInvalidSubjectToken(decision.reason);
    case "deny":
      return api.access.deny(decision.code, decision.reason);
  }
}
async function decide({
  client,
  organization,
  request,
  resource_server,
  secrets,
  transaction
}) {
  const { peppers, redis } = prepare(secrets);
  return decideExchange(
    {
      subjectToken: transaction.subject_token,
      clientId: client.client_id,
      ip: request.ip,
      audience: resource_server?.identifier,
      organizationId: organization?.id,
      requestedScopes: transaction.requested_scopes
    },
    DEPLOYMENT,
    peppers,
    (keyId) => readKeyRecord(redis, keyId),
    Math.floor(Date.now() / 1e3)
  );
}
function prepare({
  API_KEY_PEPPER = "",
  UPSTASH_REDIS_REST_TOKEN = "",
  UPSTASH_REDIS_REST_URL = ""
}) {
  const of = JSON.stringify([API_KEY_PEPPER, UPSTASH_REDIS_REST_TOKEN, UPSTASH_REDIS_REST_URL]);
  if (kept?.of !== of) {
    const redis = createRedis({
      url: UPSTASH_REDIS_REST_URL,
      token: UPSTASH_REDIS_REST_TOKEN,
      timeoutMs: REDIS_TIMEOUT_MS
    });
    kept = { of, peppers: parsePeppers(API_KEY_PEPPER), redis };
  }
  return kept;
}
// Annotate the CommonJS export names for ESM import in node:
0 && (module.exports = {
  onExecuteCustomTokenExchange
});
