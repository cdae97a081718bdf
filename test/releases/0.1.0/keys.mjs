// src/cli/io.ts
import { once } from "node:events";
function processIo() {
  return {
    env: process.env,
    isTerminal: process.stderr.isTTY,
    stdout: (text2) => void process.stdout.write(text2),
    async drained() {
      if (process.stdout.writableNeedDrain) await once(process.stdout, "drain");
    },
    stderr: (text2) => void process.stderr.write(text2),
    async readStdin() {
      let text2 = "";
      for await (const chunk of process.stdin) text2 += String(chunk);
      return text2;
    }
  };
}

// src/cli/keys/keys-program.ts
import { Command } from "commander";

// src/cli/run-program.ts
import { CommanderError } from "commander";

// src/core/base62.ts
var ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
var REJECT_FROM = 248;
function randomBase62(length, randomBytes2) {
  let text2 = "";
  while (text2.length < length) {
    for (const byte of randomBytes2(length - text2.length + 8)) {
      if (byte < REJECT_FROM && text2.length < length) text2 += ALPHABET.charAt(byte % 62);
    }
  }
  return text2;
}
function wrapToBase62(bytes, width) {
  let rest = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  let text2 = "";
  for (let at = 0; at < width; at++, rest /= 62n) text2 = ALPHABET.charAt(Number(rest % 62n)) + text2;
  return text2;
}
function encodeBase62(value, width) {
  let text2 = "";
  for (let rest = value; rest > 0; rest = Math.floor(rest / 62)) text2 = ALPHABET.charAt(rest % 62) + text2;
  return text2.padStart(width, "0");
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
function inspectKey(text2) {
  const [, prefix, body] = WHOLE_KEY.exec(text2) ?? [];
  if (prefix === void 0 || body === void 0) return void 0;
  const isChecksumRight = checksum(text2.slice(0, -CHECKSUM_LENGTH)) === text2.slice(-CHECKSUM_LENGTH);
  return { prefix, id: body.slice(0, KEY_ID_LENGTH), isChecksumRight };
}
function isKeyPrefix(text2) {
  return PREFIX_ONLY.test(text2);
}
function isKeyId(text2) {
  return KEY_ID_ONLY.test(text2);
}
function keyPattern(prefixes) {
  return `\\b(?:${prefixes ? prefixes.join("|") : PREFIX})_${BODY}\\b`;
}
function findKeys(text2, prefixes) {
  return [...new Set(text2.match(new RegExp(keyPattern(prefixes), "g")))];
}
function redactKeys(text2) {
  return text2.replace(
    new RegExp(
      `(${PREFIX}_[0-9A-Za-z]{${KEY_ID_LENGTH}})[0-9A-Za-z]{${SECRET_LENGTH + CHECKSUM_LENGTH}}`,
      "g"
    ),
    "$1…"
  );
}
var CRC32_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 3988292384 : crc >>> 1;
  return crc;
});
function checksum(text2) {
  let crc = 4294967295;
  for (let at = 0; at < text2.length; at++) {
    crc = (CRC32_TABLE[(crc ^ text2.charCodeAt(at)) & 255] ?? 0) ^ crc >>> 8;
  }
  return encodeBase62(~crc >>> 0, CHECKSUM_LENGTH);
}

// src/client/exchange-error.ts
var ASK_FOR_A_KEY = "Check the key with whoever gave it to you, or make a new one.";
var WAIT = "Try again later.";
var CASES = {
  malformed_key: {
    retryable: false,
    message: "This is no API key: it was mistyped or cut.",
    fix: "Copy the whole key again."
  },
  invalid_request: { retryable: false, message: "The API key was refused.", fix: ASK_FOR_A_KEY },
  access_denied: { retryable: false, message: "Access was denied.", fix: ASK_FOR_A_KEY },
  invalid_scope: {
    retryable: false,
    message: "The API key does not have a requested scope.",
    fix: "Request fewer scopes, or make a key that has them."
  },
  invalid_target: {
    retryable: false,
    message: "The API key may not be used for this audience.",
    fix: "Request another audience, or make a key for it."
  },
  unauthorized_client: {
    retryable: false,
    message: "This client may not exchange this API key.",
    fix: "Allow the client in the key, and token exchange in the client's settings."
  },
  invalid_client: {
    retryable: false,
    message: "The tenant does not know this client, or its secret is wrong.",
    fix: "Check the client id and its secret."
  },
  mfa_required: {
    retryable: false,
    message: "The tenant demands a second factor, which an API key cannot give.",
    fix: "Exempt token exchange from the tenant's MFA policy."
  },
  refused: { retryable: false, message: "The tenant refused the exchange.", fix: ASK_FOR_A_KEY },
  too_many_requests: { retryable: true, message: "The tenant's rate limit is reached.", fix: WAIT },
  too_many_attempts: {
    retryable: true,
    message: "The tenant blocks this address after too many wrong API keys.",
    fix: "Find what sends wrong keys, then wait."
  },
  server_error: { retryable: true, message: "The tenant could not check the API key.", fix: WAIT },
  network_error: {
    retryable: true,
    message: "The tenant cannot be reached.",
    fix: "Check the domain and the network."
  },
  timeout: { retryable: true, message: "The tenant did not answer in time.", fix: WAIT },
  nonconforming_answer: {
    retryable: false,
    message: "What answered is no token endpoint.",
    fix: "Check the domain, and proxies on the way to it."
  }
};
var ExchangeError = class extends Error {
  name = "ExchangeError";
  code;
  retryable;
  fix;
  /** The HTTP status, where there was an answer. */
  status;
  error;
  error_description;
  /** Milliseconds from now after which another attempt makes sense, where that is known. */
  retryAfterMs;
  constructor(code, details = {}) {
    const { message, retryable, fix } = CASES[code];
    const said = details.error_description && redactKeys(details.error_description);
    const when = details.retryAfterMs === void 0 ? "" : ` (in ${Math.ceil(details.retryAfterMs / 1e3)} s)`;
    super(
      said ? `${message} The tenant says: ${said}` : message,
      details.cause === void 0 ? void 0 : { cause: details.cause }
    );
    this.code = code;
    this.retryable = retryable;
    this.fix = fix.replace(/\.$/, `${when}.`);
    this.status = details.status;
    this.error = details.error;
    this.error_description = said;
    this.retryAfterMs = details.retryAfterMs;
  }
};

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

// src/cli/run-program.ts
async function runProgram(program, argv, io) {
  for (const command of [program, ...program.commands]) {
    command.exitOverride().showHelpAfterError("Add --help for more.").configureOutput({
      writeOut: (text2) => io.stdout(text2),
      writeErr: (text2) => io.stderr(redactKeys(text2))
    });
  }
  try {
    await program.parseAsync(argv, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    io.stderr(argv.includes("--json") ? `${JSON.stringify({ error: problemOf(error) })}
` : explain(error));
    return 1;
  }
}
function explain(error) {
  const { message, fix, cause } = problemOf(error);
  return `error: ${message}
${cause === void 0 ? "" : `cause: ${cause}
`}${fix === void 0 ? "" : `fix:   ${fix}
`}`;
}
function problemOf(error) {
  if (!(error instanceof ApiKeysError || error instanceof ExchangeError)) {
    const said = error instanceof Error ? `${error.name}: ${error.message}` : "an unknown error";
    return { code: "unexpected", message: redactKeys(`Unexpected. ${said}`) };
  }
  const cause = error.cause instanceof ApiKeysError ? { cause: redactKeys(error.cause.message) } : {};
  return { code: error.code, message: redactKeys(error.message), fix: redactKeys(error.fix), ...cause };
}

// src/cli/keys/command-kit.ts
import { randomBytes } from "node:crypto";
import { appendFileSync } from "node:fs";
import { InvalidArgumentError, Option } from "commander";

// src/core/ip-ranges.ts
import { BlockList, isIP } from "node:net";
var FAMILIES = { 4: "ipv4", 6: "ipv6" };
function isIpRange(range) {
  return parse(range) !== void 0;
}
function parse(range) {
  const [network = "", bits, ...rest] = range.split("/");
  const family = isIP(network);
  if (family !== 4 && family !== 6 || rest.length > 0 || network.includes("%")) return void 0;
  const maxBits = family === 4 ? 32 : 128;
  if (bits !== void 0 && (!/^(0|[1-9][0-9]{0,2})$/.test(bits) || Number(bits) > maxBits)) return void 0;
  return { network, bits: Number(bits ?? maxBits), family: FAMILIES[family] };
}

// src/core/key-entry.ts
var MAX_SECONDS = 864e10;
var ENTRIES_FIELD = "api_keys";
function keyStatus(key, nowSeconds) {
  if (key.revoked_at !== void 0) return "revoked";
  if (key.exp !== void 0 && nowSeconds >= key.exp) return "expired";
  return key.disabled_at === void 0 ? "active" : "disabled";
}
function isOverlapping(key, nowSeconds) {
  return key.previous !== void 0 && nowSeconds < key.previous.exp;
}
function isExpiringWithin(key, nowSeconds, seconds2) {
  const { exp, revoked_at } = key;
  return revoked_at === void 0 && exp !== void 0 && exp > nowSeconds && exp <= nowSeconds + seconds2;
}
function deadSinceSeconds(key, nowSeconds) {
  const ends = [key.revoked_at, key.exp].filter((end) => end !== void 0 && end <= nowSeconds);
  return ends.length === 0 ? void 0 : Math.min(...ends);
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
    v: v2,
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
  return typeof id === "string" && isKeyId(id) && typeof hash === "string" && isSeconds(v2) && isSeconds(iat) && isAbsentOr(isSeconds, exp) && isAbsentOr(isString, scope) && isAbsentOr(isStrings, aud) && isAbsentOr(isString, org_id) && isAbsentOr(isStrings, ip) && isAbsentOr(isStrings, clients) && isAbsentOr(isSeconds, revoked_at) && isAbsentOr(isString, revoked_reason) && isAbsentOr(isSeconds, disabled_at) && isAbsentOr(isPrevious, previous);
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

// src/core/policy.ts
var SECONDS_A_DAY = 86400;
var MAX_NAME_LENGTH = 64;
var MAX_APP_METADATA_BYTES = 8192;
function termsOf(request, entries, policy, deployment, nowSeconds) {
  const living = entries.filter((entry) => deadSinceSeconds(entry, nowSeconds) === void 0);
  refuseName(request.name, living);
  if (living.length >= policy.maxKeysPerUser) {
    throw new ApiKeysError(
      "key_limit_reached",
      `The user has ${living.length} living keys, and the policy allows ${policy.maxKeysPerUser}.`,
      "Revoke one that is not needed: npm run keys -- list --user ID, then revoke KEY_ID --user ID."
    );
  }
  const known = deployment.apis.map((api) => api.identifier);
  refuseUnknown("audience_unknown", "audience", request.audiences ?? [], known);
  refuseUnknown("client_unknown", "client", request.clientIds ?? [], deployment.clients);
  const audiences = request.audiences ?? known;
  const apis = deployment.apis.filter((api) => audiences.includes(api.identifier));
  const scopes = request.scope === void 0 ? void 0 : scopesOf(request.scope);
  refuseUnknown("scope_unknown", "scope", scopes ?? [], [...new Set(apis.flatMap((api) => api.scopes))]);
  if (request.organizationId !== void 0 && !isOrganizationId(request.organizationId)) {
    throw new ApiKeysError(
      "organization_invalid",
      "The organization is not an organization id.",
      "Give the id, as in: --org org_4fJ2kQ9xZb1T3hXy"
    );
  }
  const badRange = request.ipRanges?.find((range) => !isIpRange(range));
  if (badRange !== void 0) {
    throw new ApiKeysError(
      "ip_range_invalid",
      `"${badRange}" is neither an IP address nor a CIDR range.`,
      "Give it as in: --ip 203.0.113.0/24 or --ip 2001:db8::/32"
    );
  }
  const exp = expiryOf(request.lifetimeDays ?? policy.defaultLifetimeDays, policy, nowSeconds);
  return {
    name: request.name,
    iat: nowSeconds,
    ...exp !== void 0 && { exp },
    ...scopes && { scope: scopes.join(" ") },
    ...request.audiences?.length && { aud: [...new Set(request.audiences)] },
    ...request.organizationId !== void 0 && { org_id: request.organizationId },
    ...request.ipRanges?.length && { ip: request.ipRanges },
    ...request.clientIds?.length && { clients: [...new Set(request.clientIds)] }
  };
}
function isOrganizationId(text2) {
  return /^org_[0-9A-Za-z]{1,60}$/.test(text2);
}
function rotatedExpiry(entry, lifetimeDays2, policy, nowSeconds) {
  if (lifetimeDays2 !== void 0) return expiryOf(lifetimeDays2, policy, nowSeconds);
  if (entry.exp === void 0) return expiryOf("never", policy, nowSeconds);
  return Math.max(entry.exp, nowSeconds + policy.defaultLifetimeDays * SECONDS_A_DAY);
}
function isOversizedProfile(appMetadata) {
  return Buffer.byteLength(JSON.stringify(appMetadata) ?? "") > MAX_APP_METADATA_BYTES;
}
function refuseOversizedProfile(appMetadata) {
  const bytesOf2 = (value) => Buffer.byteLength(JSON.stringify(value) ?? "");
  const bytes = bytesOf2(appMetadata);
  if (bytes <= MAX_APP_METADATA_BYTES) return;
  throw new ApiKeysError(
    "profile_too_large",
    `The user's app_metadata would have ${bytes} bytes (${bytesOf2(appMetadata[ENTRIES_FIELD])} of them API keys), and Auth0 profiles are limited: at most ${MAX_APP_METADATA_BYTES} are written.`,
    "Drop keys that are long dead: npm run keys -- prune --user ID, or move other data out of the user's app_metadata."
  );
}
function refuseName(name, living) {
  if (name.trim() !== name || name.length === 0 || name.length > MAX_NAME_LENGTH || new RegExp("\\p{C}", "u").test(name)) {
    throw new ApiKeysError(
      "name_invalid",
      "The name is empty, too long, or has blanks around it or control characters.",
      `Give a name of 1 to ${MAX_NAME_LENGTH} printable characters.`
    );
  }
  const same = living.find((entry) => entry.name === name);
  if (same) {
    throw new ApiKeysError(
      "name_taken",
      `The user has a living key "${name}" already: ${same.id}.`,
      `Choose another name, or revoke it: npm run keys -- revoke ${same.id} --user ID`
    );
  }
}
function refuseUnknown(code, noun, given, valid) {
  const unknown = given.filter((one) => !valid.includes(one));
  if (unknown.length === 0) return;
  throw new ApiKeysError(
    code,
    `There is no ${noun} ${unknown.map((one) => `"${one}"`).join(", ")} in deploy.config.ts.`,
    `Valid: ${valid.join(" ") || "none"}`
  );
}
function expiryOf(lifetimeDays2, policy, nowSeconds) {
  if (lifetimeDays2 === "never") {
    if (policy.allowNoExpiry) return void 0;
    throw new ApiKeysError(
      "no_expiry_refused",
      "The policy does not allow keys that never expire.",
      `Give --expires-in-days, at most ${policy.maxLifetimeDays}.`
    );
  }
  if (!(lifetimeDays2 > 0)) {
    throw new ApiKeysError(
      "expiry_past",
      "The key would be expired already.",
      `Give --expires-in-days from 1 to ${policy.maxLifetimeDays}.`
    );
  }
  if (lifetimeDays2 > policy.maxLifetimeDays) {
    throw new ApiKeysError(
      "expiry_over_policy",
      `The key would live ${lifetimeDays2} days, and the policy allows ${policy.maxLifetimeDays}.`,
      `Give --expires-in-days from 1 to ${policy.maxLifetimeDays}.`
    );
  }
  return nowSeconds + Math.round(lifetimeDays2 * SECONDS_A_DAY);
}

// src/core/service-user.ts
function serviceUserId(organizationId2) {
  return `auth0|api-keys-${organizationId2}`;
}

// src/deploy/load-config.ts
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
async function loadDeployConfig(file) {
  const fix = "Let it end in: export default defineConfig({ … }), or name another file with --config.";
  let module;
  try {
    module = await import(pathToFileURL(resolve(file)).href);
  } catch (error) {
    if (error instanceof ApiKeysError) throw error;
    const said = error instanceof Error ? error.message : "";
    throw new ApiKeysError("configuration_invalid", `${file} could not be loaded. ${said}`, fix, error);
  }
  if (typeof module.default === "object" && module.default !== null && "keyPrefixes" in module.default) {
    return module.default;
  }
  throw new ApiKeysError("configuration_invalid", `${file} exports no configuration.`, fix);
}

// src/core/peppers.ts
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
var MIN_PEPPER_BYTES = 32;
var FIX = "Make one with: openssl rand -base64 32";
function parsePeppers(text2) {
  const parts = text2.split(/[\s,]+/).filter((part) => part !== "");
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
function addPepper(text2, randomBytes2) {
  const { current, byVersion } = parsePeppers(text2);
  const others = byVersion.size === 1 ? `${current.version}:${text2.trim().replace(/^\d+:/, "")}` : text2.trim();
  const pepper = Buffer.from(randomBytes2(MIN_PEPPER_BYTES)).toString("base64url");
  return `${Math.max(...byVersion.keys()) + 1}:${pepper} ${others}`;
}
function dropPepper(text2, version) {
  return text2.split(/[\s,]+/).filter((part) => !part.startsWith(`${version}:`)).join(" ").trim();
}
function currentOnly({ current }) {
  return { current, byVersion: /* @__PURE__ */ new Map([[current.version, current]]) };
}
function hashKey(apiKey, pepper) {
  return createHmac("sha256", pepper.hashKey).update(apiKey).digest("base64url");
}
function sealOf(text2, pepper) {
  return createHmac("sha256", pepper.sealKey).update(text2).digest("base64url");
}
function isEqual(one, other) {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
function derive(version, root) {
  const key = (label) => new Uint8Array(hkdfSync("sha256", root, "", label, 32));
  return { version, hashKey: key("hash"), sealKey: key("seal") };
}

// src/cli/local-file.ts
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
function localFolder(env) {
  return env["LOCAL_TENANT_DIR"] ?? ".local";
}
async function readLocalFile(env) {
  const file = join(localFolder(env), "tenant.json");
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new ApiKeysError(
      "configuration_invalid",
      `No local tenant is running: there is no ${file}.`,
      "Start one in another terminal: npm start",
      error
    );
  }
}
async function writeLocalFile(env, content) {
  const folder = localFolder(env);
  await mkdir(folder, { recursive: true, mode: 448 });
  await writeFile(join(folder, "tenant.json"), `${JSON.stringify(content, null, 2)}
`, { mode: 384 });
}
async function writeLocalPepper(env, pepper) {
  await writeLocalFile(env, { ...await readLocalFile(env), api_key_pepper: pepper });
  await writeFile(localPepperFile(env), `${pepper}
`, { mode: 384 });
}
function localPepperFile(env) {
  return join(localFolder(env), "pepper");
}

// src/cli/settings.ts
var NAMES = [
  "AUTH0_DOMAIN",
  "AUTH0_CLIENT_ID",
  "AUTH0_CLIENT_SECRET",
  "UPSTASH_REDIS_REST_URL",
  "UPSTASH_REDIS_REST_TOKEN",
  "API_KEY_PEPPER"
];
async function readSettings(env, isLocal) {
  const override = baseUrlOf("AUTH0_MANAGEMENT_API", env["AUTH0_MANAGEMENT_API"])?.replace(/\/+$/, "");
  if (isLocal) {
    const local = await readLocalFile(env);
    return {
      origin: local.issuer.replace(/\/$/, ""),
      managementApi: override ?? local.management_api,
      clientId: local.management_client_id,
      clientSecret: local.management_client_secret,
      redisUrl: local.redis_rest_url,
      redisToken: local.redis_rest_token,
      peppers: parsePeppers(local.api_key_pepper)
    };
  }
  const missing = NAMES.filter((name) => (env[name] ?? "") === "");
  if (missing.length > 0) {
    throw new ApiKeysError(
      "configuration_invalid",
      `Missing in the environment: ${missing.join(", ")}.`,
      "Set them, or use the local tenant with --local."
    );
  }
  const get = (name) => env[name] ?? "";
  const origin = originOf(get("AUTH0_DOMAIN"));
  return {
    origin,
    managementApi: override ?? `${origin}/api/v2`,
    clientId: get("AUTH0_CLIENT_ID"),
    clientSecret: get("AUTH0_CLIENT_SECRET"),
    redisUrl: baseUrlOf("UPSTASH_REDIS_REST_URL", get("UPSTASH_REDIS_REST_URL")),
    redisToken: get("UPSTASH_REDIS_REST_TOKEN"),
    peppers: parsePeppers(get("API_KEY_PEPPER"))
  };
}
async function readPepperText(env, isLocal) {
  return isLocal ? (await readLocalFile(env)).api_key_pepper : env["API_KEY_PEPPER"] ?? "";
}
function baseUrlOf(name, url) {
  if (url === void 0 || /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1)(:|\/|$))/.test(url)) return url;
  throw new ApiKeysError(
    "configuration_invalid",
    `${name} is no https address.`,
    "Give it as in: https://host/path"
  );
}
function originOf(domain) {
  const host = domain.replace(/^https?:\/\//, "").replace(/\/+$/, "");
  if (!/^[a-z0-9.-]+(:\d+)?$/i.test(host)) {
    throw new ApiKeysError(
      "configuration_invalid",
      "AUTH0_DOMAIN is no domain.",
      "Set it to the tenant's domain, as in: acme.eu.auth0.com"
    );
  }
  return /^(localhost|127\.0\.0\.1)(:\d+)?$/.test(host) ? `http://${host}` : `https://${host}`;
}

// src/keys/open-keys.ts
import { randomBytes as cryptoRandomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

// src/stores/key-record-reader.ts
import { Redis } from "@upstash/redis";

// src/core/sealed-json.ts
var FORMAT = "v1";
var SEALED = /^v1\.([A-Za-z0-9_-]{43})\.(\{.*\})$/s;
function seal(json, peppers) {
  const text2 = JSON.stringify(json);
  return `${FORMAT}.${sealOf(text2, peppers.current)}.${text2}`;
}
function unseal(sealed, peppers) {
  const [, seal2 = "", text2 = ""] = SEALED.exec(sealed) ?? [];
  for (const pepper of peppers.byVersion.values()) {
    if (isEqual(seal2, sealOf(text2, pepper))) {
      return { kind: "trusted", json: JSON.parse(text2), pepperVersion: pepper.version };
    }
  }
  return { kind: "untrusted" };
}

// src/core/key-record.ts
function recordKey(keyId) {
  return `apikey:${keyId}`;
}
function recordOf(sub, entry) {
  const { name: _, ...rest } = entry;
  return { sub, ...rest };
}
function sealRecord(record, peppers) {
  return seal(record, peppers);
}
function openRecord(sealed, keyId, peppers) {
  const opened = unseal(sealed, peppers);
  if (opened.kind === "untrusted") return void 0;
  const { json } = opened;
  return isObject(json) && typeof json["sub"] === "string" && json["id"] === keyId && hasKeyFields(json) ? json : void 0;
}
function recordExpiresAtSeconds(record, retentionSeconds) {
  if (record.exp === void 0) return void 0;
  return Math.max(record.exp, record.revoked_at ?? 0) + retentionSeconds;
}

// src/core/store-marker.ts
var STORE_MARKER_KEY = "apikey-store";
function sealStoreMarker(subjectTokenType, peppers) {
  return seal({ store: subjectTokenType }, peppers);
}
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

// src/stores/key-record-reader.ts
function createRedis({ url, token, timeoutMs }) {
  if (!/^https?:\/\//.test(url) || token === "") throw new TypeError('"url" and "token" must be set');
  return new Redis({
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

// src/stores/management-client.ts
import { ManagementClient } from "auth0";
function createManagementClient(settings) {
  const { host } = new URL(settings.origin);
  return new ManagementClient({
    domain: host,
    audience: `${settings.origin}/api/v2/`,
    clientId: settings.clientId,
    clientSecret: settings.clientSecret,
    maxRetries: 0,
    timeoutInSeconds: settings.timeoutMs / 1e3,
    telemetry: false,
    // The SDK's own bound of a token request is 10 seconds, whatever the timeout: too long for the lease of a lock.
    fetch: (input, init) => {
      const signals = [AbortSignal.timeout(settings.timeoutMs), ...init?.signal ? [init.signal] : []];
      return fetch(rebase(input, host, settings), { ...init, signal: AbortSignal.any(signals) });
    }
  });
}
function rebase(input, host, settings) {
  if (input instanceof Request) return input;
  return String(input).replace(`https://${host}/api/v2`, settings.managementApi).replace(`https://${host}/`, `${settings.origin}/`);
}

// src/core/key-use.ts
function useKey(keyId) {
  return `apikey-use:${keyId}`;
}

// src/stores/redis-key-store.ts
function redisKeyStore(redis, options) {
  const { peppers, subjectTokenType, retentionSeconds } = options;
  const readMarker = async () => {
    const sealed = await reach(redis.get(STORE_MARKER_KEY));
    const marker = readStoreMarker(sealed, subjectTokenType, peppers);
    const isCurrent = readStoreMarker(sealed, subjectTokenType, currentOnly(peppers)) === "ours";
    return marker === "ours" && !isCurrent ? "older_pepper" : marker;
  };
  return {
    readMarker,
    async mark() {
      await reach(redis.set(STORE_MARKER_KEY, sealStoreMarker(subjectTokenType, peppers), { nx: true }));
      return readMarker();
    },
    async remark() {
      await reach(redis.set(STORE_MARKER_KEY, sealStoreMarker(subjectTokenType, peppers)));
    },
    async unmark() {
      await reach(redis.del(STORE_MARKER_KEY));
    },
    async hasRecords() {
      let cursor = "0";
      do {
        const [next, keys] = await reach(redis.scan(cursor, { match: recordKey("*"), count: 1e3 }));
        if (keys.length > 0) return true;
        cursor = next;
      } while (cursor !== "0");
      return false;
    },
    async read(keyId) {
      const sealed = await reach(redis.get(recordKey(keyId)));
      if (sealed === null) return void 0;
      const record = openRecord(sealed, keyId, peppers);
      if (record) return record;
      throw new ApiKeysError(
        "record_untrusted",
        `The record of key ${keyId} in Redis was altered, or sealed with a pepper that is not held here.`,
        "Check API_KEY_PEPPER, and who can write to this Redis database."
      );
    },
    async write(record) {
      const exat = recordExpiresAtSeconds(record, retentionSeconds);
      await reach(
        redis.set(recordKey(record.id), sealRecord(record, peppers), exat === void 0 ? {} : { exat })
      );
    },
    async remove(keyId) {
      await reach(redis.del(recordKey(keyId), useKey(keyId)));
    }
  };
}
async function reach(answer) {
  try {
    return await answer;
  } catch (error) {
    const kind = error instanceof Error ? error.name : "unknown";
    throw new ApiKeysError(
      "store_unavailable",
      `Redis did not carry out a command (${kind}).`,
      "Check UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN and that the database is up, then run the same command again."
    );
  }
}

// src/stores/redis-key-batches.ts
var IDS_A_PAGE = 500;
function redisKeyBatches(redis, { peppers, retentionSeconds }) {
  return {
    async readMany(keyIds) {
      if (keyIds.length === 0) return [];
      const texts2 = await reach(redis.mget(keyIds.map(recordKey)));
      return keyIds.map((keyId, at) => {
        const sealed = texts2[at];
        if (typeof sealed !== "string") return { kind: "missing" };
        const record = openRecord(sealed, keyId, peppers);
        return record ? { kind: "trusted", record } : { kind: "untrusted" };
      });
    },
    async sealVersions(keyIds) {
      if (keyIds.length === 0) return [];
      const texts2 = await reach(redis.mget(keyIds.map(recordKey)));
      return keyIds.map((_, at) => {
        const opened = unseal(texts2[at] ?? "", peppers);
        return opened.kind === "trusted" ? opened.pepperVersion : void 0;
      });
    },
    async reseal(record) {
      const sealed = sealRecord(record, peppers);
      await reach(redis.set(recordKey(record.id), sealed, { xx: true, keepTtl: true }));
    },
    async addMissing(records) {
      if (records.length === 0) return;
      const pipeline = redis.pipeline();
      for (const record of records) {
        const exat = recordExpiresAtSeconds(record, retentionSeconds);
        const expiry = exat === void 0 ? {} : { exat };
        pipeline.set(recordKey(record.id), sealRecord(record, peppers), { nx: true, ...expiry });
      }
      await reach(pipeline.exec());
    },
    async removeMany(keyIds) {
      if (keyIds.length > 0) await reach(redis.del(...keyIds.map(recordKey)));
    },
    async *ids() {
      const prefix = recordKey("");
      let cursor = "0";
      do {
        const [next, names] = await reach(redis.scan(cursor, { match: recordKey("*"), count: IDS_A_PAGE }));
        for (let at = 0; at < names.length; at += IDS_A_PAGE) {
          yield names.slice(at, at + IDS_A_PAGE).map((name) => name.slice(prefix.length));
        }
        cursor = next;
      } while (cursor !== "0");
    }
  };
}

// src/stores/redis-key-uses.ts
import { isIP as isIP2 } from "node:net";
function redisKeyUses(redis) {
  return {
    async readUses(keyIds) {
      const uses = /* @__PURE__ */ new Map();
      if (keyIds.length === 0) return uses;
      const pipeline = redis.pipeline();
      for (const keyId of keyIds) pipeline.hgetall(useKey(keyId));
      const answers = await reach(pipeline.exec());
      for (const [at, keyId] of keyIds.entries()) {
        const use = useOf(answers[at]);
        if (use) uses.set(keyId, use);
      }
      return uses;
    }
  };
}
function useOf(fields) {
  if (!Array.isArray(fields)) return void 0;
  const named = /* @__PURE__ */ new Map();
  for (let at2 = 0; at2 < fields.length; at2 += 2) named.set(fields[at2], fields[at2 + 1]);
  const [at, count] = [Number(named.get("at")), Number(named.get("count") ?? 0)];
  const ip = String(named.get("ip"));
  if (!(Number.isSafeInteger(at) && at >= 0 && at <= 864e10 && Number.isSafeInteger(count)))
    return void 0;
  return { at, ip: isIP2(ip) === 0 ? void 0 : ip, count };
}

// src/stores/service-users.ts
import { ManagementError as ManagementError2 } from "auth0";

// src/stores/user-key-store.ts
import { ManagementError } from "auth0";
function userKeyStore(client) {
  return {
    async read(userId) {
      const user = await ask(
        userId,
        () => client.users.get(userId, { fields: "user_id,app_metadata,identities", include_fields: true })
      );
      const appMetadata = user.app_metadata ?? {};
      const entries = isObject(appMetadata) ? appMetadata[ENTRIES_FIELD] ?? [] : void 0;
      if (!isObject(appMetadata) || !Array.isArray(entries)) {
        throw new ApiKeysError(
          "profile_malformed",
          `app_metadata.${ENTRIES_FIELD} of ${userId} is no list, so it is not ours to change.`,
          "Look at the user in the Auth0 dashboard, and rename or remove that field."
        );
      }
      return { appMetadata, entries, linkedUserIds: linkedUserIdsOf(user) };
    },
    async write(userId, entries) {
      const field = entries.length === 0 ? null : entries;
      const change = { app_metadata: { [ENTRIES_FIELD]: field } };
      await ask(userId, () => client.users.update(userId, change));
    }
  };
}
function linkedUserIdsOf(user) {
  const identities = Array.isArray(user.identities) ? user.identities : [];
  return identities.filter(isObject).map((one) => `${String(one["provider"])}|${String(one["user_id"])}`).filter((id) => id !== user.user_id);
}
function isOutcomeUnknown(error) {
  return error instanceof ApiKeysError && error.code === "management_unavailable";
}
async function ask(userId, request) {
  try {
    return await request();
  } catch (error) {
    throw explain2(error, userId);
  }
}
function explain2(error, userId) {
  const status2 = error instanceof ManagementError ? error.statusCode : void 0;
  const body = error instanceof ManagementError && isObject(error.body) ? error.body : {};
  const said = typeof body["message"] === "string" ? ` It said: ${body["message"]}` : "";
  switch (status2) {
    case 401:
      return new ApiKeysError(
        "management_unauthorized",
        "Auth0 did not accept the credentials for its Management API.",
        "Check AUTH0_DOMAIN, AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET.",
        error
      );
    case 403:
      return new ApiKeysError(
        "management_forbidden",
        `Auth0 refused the request.${said}`,
        "Grant the machine-to-machine application read:users and update:users on the Auth0 Management API.",
        error
      );
    case 404:
      return new ApiKeysError(
        "user_not_found",
        `There is no user ${userId} in this tenant.`,
        "Give the user_id as the Auth0 dashboard shows it, as in: --user 'auth0|507f1f77bcf86cd799439020'",
        error
      );
    case 429:
      return new ApiKeysError(
        "management_rate_limited",
        `Auth0's rate limit is reached.${until(error)}`,
        "Wait, then run the same command again.",
        error
      );
    default:
      if (status2 !== void 0 && status2 >= 400 && status2 < 500 && status2 !== 408) {
        return new ApiKeysError(
          "management_refused",
          `Auth0 refused the request with status ${status2}.${said}`,
          "Look at the tenant's logs in the Auth0 dashboard.",
          error
        );
      }
      return new ApiKeysError(
        "management_unavailable",
        status2 === void 0 ? "Auth0's Management API could not be reached, or did not answer in time." : `Auth0's Management API answered with status ${status2}.`,
        "Check AUTH0_DOMAIN and the network, then run the same command again.",
        error
      );
  }
}
function until(error) {
  const headers = error instanceof ManagementError ? error.rawResponse?.headers : void 0;
  const resetSeconds = Number(headers?.get("x-ratelimit-reset"));
  return resetSeconds > 0 ? ` It is lifted at ${new Date(resetSeconds * 1e3).toISOString()}.` : "";
}

// src/stores/service-users.ts
var SERVICE_USER_PERMISSIONS = [
  "create:users",
  "read:connections",
  "create:connections",
  "update:connections",
  "read:organizations",
  "read:organization_connections",
  "create:organization_connections",
  "create:organization_members"
];
var PASSWORD_LENGTH = 60;
function serviceUsers(client, options) {
  return {
    async ensure(organizationId2) {
      const { display_name, name } = await explained(
        organizationId2,
        () => client.organizations.get(organizationId2)
      );
      const connectionId = await ensureConnection(client, options);
      const userId = await ensureUser(
        client,
        options,
        organizationId2,
        display_name ?? name ?? organizationId2
      );
      await ensureEnabled(client, organizationId2, connectionId);
      const members = { members: [userId] };
      await explained(organizationId2, () => client.organizations.members.create(organizationId2, members));
      return userId;
    }
  };
}
async function ensureConnection(client, { connection: name, clientIds }) {
  const find = async () => (await explained(name, () => client.connections.list({ name }))).data[0]?.id;
  const made = {
    name,
    strategy: "auth0",
    options: { disable_signup: true, disable_self_service_change_password: true }
  };
  const found = await find();
  const created = found ?? await unlessThere(async () => (await explained(name, () => client.connections.create(made))).id);
  const id = created ?? await find() ?? "";
  const enabled = /* @__PURE__ */ new Set();
  await explained(name, async () => {
    for await (const one of await client.connections.clients.get(id)) enabled.add(one.client_id);
  });
  const missing = clientIds.filter((clientId) => !enabled.has(clientId));
  if (missing.length > 0) {
    const changes = missing.map((client_id) => ({ client_id, status: true }));
    await explained(name, () => client.connections.clients.update(id, changes));
  }
  return id;
}
async function ensureUser(client, { connection, randomBytes: randomBytes2 }, organizationId2, organizationName) {
  const userId = serviceUserId(organizationId2);
  const fields = { fields: "user_id", include_fields: true };
  try {
    await ask(userId, () => client.users.get(userId, fields));
    return userId;
  } catch (error) {
    if (!(error instanceof ApiKeysError) || error.code !== "user_not_found") throw error;
  }
  const [, local = ""] = userId.split("|");
  await unlessThere(
    () => explained(
      organizationId2,
      () => client.users.create({
        connection,
        user_id: local,
        // RFC 2606: no mail ever reaches it, so no password can be set by one.
        email: `${organizationId2.toLowerCase()}@service-users.invalid`,
        verify_email: false,
        name: `API keys of ${organizationName}`,
        password: `${randomBase62(PASSWORD_LENGTH, randomBytes2)}aA1!`
      })
    )
  );
  return userId;
}
async function ensureEnabled(client, organizationId2, connection_id) {
  const { enabledConnections } = client.organizations;
  const isEnabled = await explained(organizationId2, async () => {
    for await (const one of await enabledConnections.list(organizationId2)) {
      if (one.connection_id === connection_id) return true;
    }
    return false;
  });
  if (isEnabled) return;
  const added = { connection_id, assign_membership_on_login: false, show_as_button: false };
  await unlessThere(() => explained(organizationId2, () => enabledConnections.add(organizationId2, added)));
}
async function unlessThere(make) {
  try {
    return await make();
  } catch (error) {
    const { cause } = error;
    if (cause instanceof ManagementError2 && cause.statusCode === 409) return void 0;
    throw error;
  }
}
async function explained(subject, request) {
  try {
    return await ask(subject, request);
  } catch (error) {
    if (!(error instanceof ApiKeysError)) throw error;
    const { code, message, cause } = error;
    if (code === "user_not_found") {
      throw new ApiKeysError(
        "organization_not_found",
        `There is no organization ${subject} in this tenant.`,
        "Give its id as the Auth0 dashboard shows it, as in: --org org_4fJ2kQ9xZb1T3hXy",
        cause
      );
    }
    if (code === "management_forbidden") {
      const fix = `Grant the machine-to-machine application on the Auth0 Management API: ${SERVICE_USER_PERMISSIONS.join(" ")}`;
      throw new ApiKeysError(code, message, fix, cause);
    }
    throw error;
  }
}

// src/stores/user-export.ts
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";

// src/stores/lines.ts
async function* linesOf(pieces) {
  let rest = "";
  for await (const piece of pieces) {
    const lines = `${rest}${String(piece)}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

// src/stores/user-export.ts
var FIRST_LOOK_MS = 20;
var LAST_LOOK_MS = 5e3;
var GIVE_UP_AFTER_MS = 36e5;
var FIELDS = ["user_id", "app_metadata", "identities"].map((name) => ({ name }));
function exportUsers(client, sleep2) {
  return async function* () {
    const job = await ask("-", () => client.jobs.usersExports.create({ format: "json", fields: FIELDS }));
    const location = await completed(client, job.id ?? "", sleep2);
    try {
      for await (const line of downloaded(location)) if (line !== "") yield read(JSON.parse(line));
    } catch (error) {
      if (error instanceof ApiKeysError) throw error;
      throw failed("could not be read to its end", error);
    }
  };
}
async function completed(client, jobId, sleep2) {
  let waitedMs = 0;
  for (let pauseMs = FIRST_LOOK_MS; waitedMs < GIVE_UP_AFTER_MS; ) {
    await sleep2(pauseMs);
    waitedMs += pauseMs;
    pauseMs = Math.min(pauseMs * 2, LAST_LOOK_MS);
    const { status: status2, location } = await ask("-", () => client.jobs.get(jobId));
    if (status2 === "failed") throw failed("ended as failed");
    if (status2 === "completed" && location !== void 0) return location;
  }
  throw failed("was not complete after an hour");
}
async function* downloaded(location) {
  const response = await fetch(location);
  if (!response.ok || !response.body) throw failed(`could not be downloaded: status ${response.status}`);
  const gunzip = createGunzip().setEncoding("utf8");
  const source = Readable.fromWeb(response.body);
  source.on("error", (error) => gunzip.destroy(error));
  try {
    yield* linesOf(source.pipe(gunzip));
  } finally {
    source.destroy();
  }
}
function read(user) {
  if (!isObject(user) || typeof user["user_id"] !== "string") throw failed("has a line that is no user");
  return {
    userId: user["user_id"],
    appMetadata: user["app_metadata"],
    linkedUserIds: linkedUserIdsOf(user)
  };
}
function failed(how, cause) {
  return new ApiKeysError(
    "export_failed",
    `Auth0's export of the users ${how}.`,
    "Run the same command again. What was mended stays mended.",
    cause
  );
}

// src/stores/user-lock.ts
function userLock(redis, options) {
  const { clock, leaseMs } = options;
  return async (userId, work) => {
    const key = `apikey-lock:${userId}`;
    const takenAtMs = await take(redis, key, options);
    const leftMs = () => takenAtMs + leaseMs - clock.monotonicMs();
    try {
      return await work({
        require(ms) {
          if (leftMs() >= ms) return;
          throw new ApiKeysError(
            "lease_too_short",
            "Auth0 or Redis answered too slowly to change the keys of this user safely.",
            "Nothing more was written. Run the same command again."
          );
        }
      });
    } finally {
      if (leftMs() > options.requestTimeoutMs) await redis.del(key).catch(() => void 0);
    }
  };
}
async function take(redis, key, options) {
  const { clock, leaseMs, waitMs, randomBytes: randomBytes2 } = options;
  const token = randomBase62(16, randomBytes2);
  const startedMs = clock.monotonicMs();
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    const beforeMs = clock.monotonicMs();
    if (await reach(redis.set(key, token, { nx: true, px: leaseMs })) === "OK") return beforeMs;
    if (beforeMs - startedMs >= waitMs) {
      throw new ApiKeysError(
        "user_locked",
        "Another change to the keys of this user is under way.",
        "Nothing was written. Run the same command again in a minute."
      );
    }
    await clock.sleep(pauseMs * (0.5 + (randomBytes2(1)[0] ?? 0) / 255));
  }
}

// src/keys/open-keys.ts
var REQUEST_TIMEOUT_MS = 5e3;
var LEASE_MS = 3e4;
var WAIT_MS = 35e3;
var SECONDS_A_DAY2 = 86400;
function openKeys(config, settings, {
  audit = () => void 0,
  actor = "library",
  requestTimeoutMs = REQUEST_TIMEOUT_MS,
  randomBytes: randomBytes2 = cryptoRandomBytes,
  nowMs = () => Date.now()
} = {}) {
  const redis = createRedis({
    url: settings.redisUrl,
    token: settings.redisToken,
    timeoutMs: requestTimeoutMs
  });
  const { peppers } = settings;
  const client = createManagementClient({ ...settings, timeoutMs: requestTimeoutMs });
  const store = {
    peppers,
    subjectTokenType: config.subjectTokenType,
    retentionSeconds: config.policy.retentionDays * SECONDS_A_DAY2
  };
  const pause = async (ms) => sleep(ms);
  return {
    deployment: config,
    policy: config.policy,
    peppers,
    users: userKeyStore(client),
    exportUsers: exportUsers(client, pause),
    records: { ...redisKeyStore(redis, store), ...redisKeyBatches(redis, store) },
    uses: redisKeyUses(redis),
    lock: userLock(redis, {
      clock: { monotonicMs: () => performance.now(), sleep: pause },
      randomBytes: randomBytes2,
      leaseMs: LEASE_MS,
      waitMs: WAIT_MS,
      requestTimeoutMs
    }),
    ...config.serviceUsers && {
      serviceUsers: serviceUsers(client, {
        connection: config.serviceUsers.connection,
        clientIds: config.clients,
        randomBytes: randomBytes2
      })
    },
    randomBytes: randomBytes2,
    nowSeconds: () => Math.floor(nowMs() / 1e3),
    sleep: pause,
    requestTimeoutMs,
    actor,
    audit
  };
}

// src/cli/keys/command-kit.ts
function commandKit(program, io) {
  const add2 = (usage, description) => program.command(usage).description(description).option("--config <file>", "the deployment's configuration", "deploy.config.ts").option("--json", "print one JSON value");
  const addOnline = (usage, description) => add2(usage, description).option("--local", "use the running local tenant").option("--audit-log <file>", "append a line of JSON for every change (default: to stderr)");
  return {
    io,
    randomBytes,
    add: add2,
    addOnline,
    addForUser(usage, description) {
      const command = owned(addOnline(usage, description));
      return command.hook("preAction", () => {
        if (command.opts().user === void 0)
          command.error("error: give --user ID, or --org ID for the keys that an organization owns");
      });
    },
    print: (options, value, text2) => io.stdout(options.json ? `${JSON.stringify(value)}
` : text2),
    async open(options) {
      const config = await loadDeployConfig(options.config);
      const settings = await readSettings(io.env, options.local === true);
      if (options.auditLog !== void 0) requireWritable(options.auditLog);
      return openKeys(config, settings, {
        actor: `cli:${io.env["USER"] ?? "unknown"}`,
        audit(event) {
          const line = `${JSON.stringify(event)}
`;
          if (options.auditLog === void 0) io.stderr(line);
          else appendFileSync(options.auditLog, line, { mode: 384 });
        }
      });
    }
  };
}
function owned(command) {
  return command.option("--user <id>", "the user's Auth0 user_id").addOption(
    new Option("--org <id>", "the keys that this organization owns").conflicts("user").argParser(organizationId)
  ).hook("preAction", () => {
    const { org } = command.opts();
    if (org !== void 0) command.setOptionValue("user", serviceUserId(org));
  });
}
function organizationId(text2) {
  if (isOrganizationId(text2)) return text2;
  throw new InvalidArgumentError("It must be an id such as org_4fJ2kQ9xZb1T3hXy.");
}
function requireWritable(file) {
  try {
    appendFileSync(file, "", { mode: 384 });
  } catch (error) {
    throw new ApiKeysError(
      "configuration_invalid",
      `The audit log ${file} cannot be written.`,
      "Nothing was changed. Name a file that can be appended to with --audit-log.",
      error
    );
  }
}
function collect(value, before = []) {
  return [...before, value];
}
function wholeNumber(text2) {
  if (!/^-?\d{1,6}$/.test(text2)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text2);
}

// src/core/api-key.ts
var INSPECT = /* @__PURE__ */ Symbol.for("nodejs.util.inspect.custom");
var ApiKey = class _ApiKey {
  prefix;
  /** The public 12-character key id. */
  id;
  #text;
  constructor(prefix, id, text2) {
    this.prefix = prefix;
    this.id = id;
    this.#text = text2;
  }
  /** A new key, or a new secret for the key with this id. Throws `TypeError` for an illegal prefix or id. */
  static generate(prefix, randomBytes2, id = randomBase62(KEY_ID_LENGTH, randomBytes2)) {
    if (!isKeyPrefix(prefix)) throw new TypeError('"prefix" must be like acme or acme_live');
    if (!isKeyId(id)) throw new TypeError('"id" must be a key id');
    const unchecked = `${prefix}_${id}${randomBase62(SECRET_LENGTH, randomBytes2)}`;
    return new _ApiKey(prefix, id, unchecked + checksum(unchecked));
  }
  /** Reads a key offline: form, prefix syntax and checksum. `undefined` for anything else, without saying why. */
  static parse(text2) {
    const parts = inspectKey(text2);
    return parts?.isChecksumRight ? new _ApiKey(parts.prefix, parts.id, text2) : void 0;
  }
  /** The whole key, to be hashed or shown once. Nothing else gives it. */
  reveal() {
    return this.#text;
  }
  toString() {
    return `${this.prefix}_${this.id}…`;
  }
  toJSON() {
    return this.toString();
  }
  [INSPECT]() {
    return this.toString();
  }
};

// src/keys/audit.ts
import { isDeepStrictEqual } from "node:util";
async function audited(keys, { operation, userId, keyId }, work, describe) {
  const write2 = (outcome, id, changes) => keys.audit({
    time: new Date(keys.nowSeconds() * 1e3).toISOString(),
    actor: keys.actor,
    operation,
    user_id: userId ?? null,
    key_id: id ?? null,
    changes,
    outcome
  });
  try {
    const result = await work();
    const described = describe(result);
    write2("done", described.keyId ?? keyId, described.changes);
    return result;
  } catch (error) {
    write2(error instanceof ApiKeysError ? error.code : "unexpected", keyId, []);
    throw error;
  }
}
function changesBetween(before, after) {
  const fields = /* @__PURE__ */ new Set([...Object.keys(before), ...Object.keys(after)]);
  fields.delete("v");
  return [...fields].filter((field) => !isDeepStrictEqual(before[field], after[field])).map((field) => field === "hash" ? "secret" : field === "previous" ? "previous_secret" : field);
}

// src/keys/init.ts
async function initStore(keys) {
  const marker = await keys.records.readMarker();
  if (marker === "ours" || marker === "older_pepper") return { marked: false };
  if (marker === "missing" && await keys.records.hasRecords()) {
    throw new ApiKeysError(
      "store_not_empty",
      "This Redis database has key records but no store marker: it was lost in part, or restored in part.",
      "Rebuild what is missing from Auth0, which marks the store as well: npm run keys -- reconcile --fix"
    );
  }
  if (marker === "foreign" || await keys.records.mark() !== "ours") throw foreignStore();
  return { marked: true };
}
async function refuseForeignStore(keys) {
  if (await keys.records.readMarker() === "foreign") throw foreignStore();
}
async function requireOurStore(keys) {
  const marker = await keys.records.readMarker();
  if (marker === "ours") return;
  if (marker === "foreign") throw foreignStore();
  if (marker === "older_pepper") throw pepperNotDeployed(keys);
  throw new ApiKeysError(
    "store_unmarked",
    "This Redis database is not marked as the store of this deployment: it is new, or it was flushed.",
    "If it is new, run: npm run keys -- init. If it was flushed, rebuild it from Auth0: npm run keys -- reconcile --fix"
  );
}
async function requireDeployedPepper(keys) {
  if (await keys.records.readMarker() === "older_pepper") throw pepperNotDeployed(keys);
}
function pepperNotDeployed({ peppers }) {
  return new ApiKeysError(
    "pepper_not_deployed",
    `The Actions do not know pepper ${peppers.current.version} yet: a key made with it would be refused.`,
    "Deploy it, with the same API_KEY_PEPPER: npm run deploy -- apply"
  );
}
function foreignStore() {
  return new ApiKeysError(
    "store_foreign",
    "This Redis database belongs to another deployment, or was marked with a pepper that is not held here.",
    "Check UPSTASH_REDIS_REST_URL, API_KEY_PEPPER and subjectTokenType in deploy.config.ts."
  );
}

// src/keys/minting.ts
function isMinted(keys, entry, { apiKey }) {
  const pepper = keys.peppers.byVersion.get(entry.v);
  return pepper !== void 0 && entry.id === apiKey.id && isEqual(entry.hash, hashKey(apiKey.reveal(), pepper));
}
function mintedBefore(keys, entries, minting) {
  const entry = entries.find(({ id }) => id === minting.apiKey.id);
  if (!entry) {
    if (minting.wasMade) throw keyShownAlready();
    return void 0;
  }
  const isAlive = deadSinceSeconds(entry, keys.nowSeconds()) === void 0;
  if (isAlive && isMinted(keys, entry, minting)) return entry;
  throw keyShownAlready();
}
function keyShownAlready() {
  return new ApiKeysError(
    "key_shown_already",
    "The same request made a key before, which has changed since.",
    "Make another, with a new Idempotency-Key."
  );
}

// src/keys/write-entries.ts
async function writeEntries(keys, lease, userId, entries, isDone) {
  let lost = new ApiKeysError(
    "update_lost",
    `The keys of ${userId} were overwritten by another program at the same moment.`,
    "Find what else writes app_metadata.api_keys, then run the same command again."
  );
  try {
    lease.require(2 * keys.requestTimeoutMs);
    await keys.users.write(userId, entries);
  } catch (error) {
    if (!isOutcomeUnknown(error)) return { kind: "not_written", error };
    lost = error;
  }
  let after;
  try {
    after = await keys.users.read(userId);
  } catch (error) {
    return { kind: "unknown", error };
  }
  return isDone(keyEntriesOf(after.appMetadata)) ? { kind: "written" } : { kind: "not_written", error: lost };
}

// src/keys/create.ts
async function createKey(keys, userId, request, minting) {
  return audited(
    keys,
    { operation: "create", userId },
    async () => createUnderLock(keys, userId, request, minting),
    ({ entry }) => ({ keyId: entry.id, changes: changesBetween({}, entry) })
  );
}
async function createUnderLock(keys, userId, request, minting) {
  return keys.lock(userId, async (lease) => {
    const [profile] = await Promise.all([keys.users.read(userId), requireOurStore(keys)]);
    const existing = keyEntriesOf(profile.appMetadata);
    const made = minting && mintedBefore(keys, existing, minting);
    if (made) return { apiKey: minting.apiKey, entry: made };
    const terms = termsOf(request, existing, keys.policy, keys.deployment, keys.nowSeconds());
    const pepper = keys.peppers.current;
    const apiKey = minting?.apiKey ?? ApiKey.generate(keys.deployment.keyPrefixes[0] ?? "", keys.randomBytes);
    const entry = {
      id: apiKey.id,
      ...terms,
      hash: hashKey(apiKey.reveal(), pepper),
      v: pepper.version
    };
    const entries = [...profile.entries, entry];
    refuseOversizedProfile({ ...profile.appMetadata, [ENTRIES_FIELD]: entries });
    await keys.records.write(recordOf(userId, entry));
    const isThere = (after) => after.some(({ id }) => id === entry.id);
    const outcome = await writeEntries(keys, lease, userId, entries, isThere);
    if (outcome.kind === "not_written") await keys.records.remove(entry.id).catch(() => void 0);
    if (outcome.kind !== "written") throw outcome.error;
    return { apiKey, entry };
  });
}

// src/keys/service-user.ts
async function createOrganizationKey(keys, organizationId2, request, minting) {
  if (!keys.serviceUsers) {
    throw new ApiKeysError(
      "service_users_off",
      "There is no connection for service users in deploy.config.ts.",
      'Set serviceUsers: { connection: "api-key-service-users" } there: docs/ORGANIZATIONS.md'
    );
  }
  const userId = await keys.serviceUsers.ensure(organizationId2);
  return { userId, ...await createKey(keys, userId, { ...request, organizationId: organizationId2 }, minting) };
}

// src/cli/table.ts
function table(rows) {
  const widths = (rows[0] ?? []).map(
    (_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length))
  );
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  return lines.map((line) => `${line.trimEnd()}
`).join("");
}

// src/cli/keys/present-key.ts
function presentKey(userId, entry, nowSeconds, uses) {
  return {
    id: entry.id,
    user_id: userId,
    name: entry.name,
    status: keyStatus(entry, nowSeconds),
    scope: entry.scope ?? null,
    audience: entry.aud ?? null,
    org_id: entry.org_id ?? null,
    ip: entry.ip ?? null,
    clients: entry.clients ?? null,
    created_at: iso(entry.iat) ?? "",
    expires_at: iso(entry.exp),
    revoked_at: iso(entry.revoked_at),
    revoked_reason: entry.revoked_reason ?? null,
    disabled_at: iso(entry.disabled_at),
    previous_secret_until: isOverlapping(entry, nowSeconds) ? iso(entry.previous?.exp) : null,
    ...uses && { last_used: presentUse(uses.get(entry.id)) }
  };
}
function presentUse(use) {
  return use ? { at: iso(use.at) ?? "", ip: use.ip ?? null, count: use.count } : null;
}
function keysTable(keys, nowSeconds) {
  if (keys.length === 0) return "No keys.\n";
  const isUseKnown = nowSeconds !== void 0 && keys.some(({ last_used }) => last_used !== void 0);
  const day = (time) => time?.slice(0, 10) ?? "never";
  return table([
    ["ID", "NAME", "STATUS", "SCOPE", "CREATED", "EXPIRES", ...isUseKnown ? ["LAST USED"] : []],
    ...keys.map((key) => [
      key.id,
      key.name,
      key.status,
      key.scope ?? "(all)",
      day(key.created_at),
      day(key.expires_at),
      ...isUseKnown ? [ago(key.last_used?.at, nowSeconds)] : []
    ])
  ]);
}
function keyLines({ last_used, ...key }, nowSeconds = 0) {
  const lines = Object.entries(key).filter(([, value]) => value !== null).map(([name, value]) => [name, Array.isArray(value) ? value.join(" ") : String(value)]);
  if (last_used !== void 0) lines.push(["last_used", useLine(last_used, nowSeconds)]);
  return table(lines);
}
function useLine(use, nowSeconds) {
  if (!use) return "never";
  const from = use.ip === null ? "" : ` from ${use.ip}`;
  return `${use.at} (${ago(use.at, nowSeconds)})${from}, ${use.count} ${use.count === 1 ? "time" : "times"} in all`;
}
function ago(time, nowSeconds) {
  if (time === void 0) return "never";
  const seconds2 = Math.max(0, nowSeconds - Date.parse(time) / 1e3);
  for (const [unit, size] of [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60]
  ]) {
    const amount = Math.floor(seconds2 / size);
    if (amount >= 1) return `${amount} ${unit}${amount === 1 ? "" : "s"} ago`;
  }
  return "just now";
}
function iso(seconds2) {
  return seconds2 === void 0 ? null : new Date(seconds2 * 1e3).toISOString().replace(".000Z", "Z");
}

// src/cli/keys/create-command.ts
function addCreateCommand(kit) {
  kit.addOnline("create", "make a key and print it, this once").option("--user <id>", "the Auth0 user_id of the user that the key acts as").requiredOption("--name <name>", "what the key is for, at most 64 characters").option("--scope <scopes>", "space-delimited; without it the key has every scope that its user has").option(
    "--audience <url>",
    "an API that the key is for (repeatable; default: all of the deployment's)",
    collect
  ).option("--org <id>", "the organization that the key is bound to").option("--service-user", "owned by that organization, not by a person").option("--ip <cidr>", "an address or range it may be used from (repeatable)", collect).option("--client <id>", "a client that may use it (repeatable)", collect).option("--expires-in-days <days>", "its lifetime", wholeNumber).option("--no-expiry", "let it live until it is revoked, if the policy allows that").action(async (options, command) => {
    if (options.user !== void 0 === (options.serviceUser === true)) {
      return command.error("error: give --user ID, or --org ID --service-user");
    }
    if (options.serviceUser && options.org === void 0) {
      return command.error("error: --service-user needs --org ID");
    }
    const keys = await kit.open(options);
    const { userId, apiKey, entry } = await create(keys, options);
    const presented = presentKey(userId, entry, keys.nowSeconds());
    kit.io.stderr(`${keyLines(presented)}This is the only time that the key is shown.
`);
    return kit.print(options, { key: apiKey.reveal(), ...presented }, `${apiKey.reveal()}
`);
  });
}
async function create(keys, options) {
  const { user: userId, org } = options;
  const request = requestOf(options);
  if (userId === void 0) return createOrganizationKey(keys, org ?? "", request);
  return { userId, ...await createKey(keys, userId, request) };
}
function requestOf(options) {
  const { scope, audience, org, ip, client, expiresInDays } = options;
  const lifetimeDays2 = options.expiry ? expiresInDays : "never";
  return {
    name: options.name,
    ...scope !== void 0 && { scope },
    ...audience && { audiences: audience },
    ...org !== void 0 && { organizationId: org },
    ...ip && { ipRanges: ip },
    ...client && { clientIds: client },
    ...lifetimeDays2 !== void 0 && { lifetimeDays: lifetimeDays2 }
  };
}

// src/cli/keys/import-command.ts
import { createReadStream } from "node:fs";

// src/keys/import-line.ts
import * as v from "valibot";

// src/core/presented-key.ts
import { createHash } from "node:crypto";
var MIN_FOREIGN_LENGTH = 24;
var MAX_FOREIGN_LENGTH = 1024;
var PRINTABLE = /^[\x21-\x7e]+$/;
function readPresentedKey(text2, deployment) {
  const { keyPrefixes, acceptForeignKeys } = deployment;
  const parts = inspectKey(text2);
  if (parts?.isChecksumRight && keyPrefixes.includes(parts.prefix)) {
    return { id: parts.id, hash: (pepper) => hashKey(text2, pepper) };
  }
  return acceptForeignKeys === true && isForeignKey(text2, keyPrefixes) ? foreignKey(sha256Of(text2)) : void 0;
}
function isForeignKey(text2, keyPrefixes) {
  return text2.length >= MIN_FOREIGN_LENGTH && text2.length <= MAX_FOREIGN_LENGTH && PRINTABLE.test(text2) && inspectKey(text2) === void 0 && !keyPrefixes.some((prefix) => text2.startsWith(`${prefix}_`));
}
function foreignKey(sha256) {
  const text2 = `sha256:${Buffer.from(sha256).toString("base64url")}`;
  return { id: wrapToBase62(sha256, KEY_ID_LENGTH), hash: (pepper) => hashKey(text2, pepper) };
}
function sha256Of(text2) {
  return new Uint8Array(createHash("sha256").update(text2).digest());
}

// src/keys/import-line.ts
var text = v.pipe(v.string(), v.minLength(1));
var texts = v.pipe(v.array(text), v.minLength(1));
var lineSchema = v.strictObject({
  user_id: text,
  name: text,
  key: v.optional(text),
  /** Hexadecimal, or base64 in either alphabet. */
  sha256: v.optional(v.pipe(v.string(), v.regex(/^([0-9A-Fa-f]{64}|[0-9A-Za-z+/_-]{43}=?)$/))),
  scope: v.optional(v.string()),
  audience: v.optional(texts),
  org_id: v.optional(text),
  ip: v.optional(texts),
  clients: v.optional(texts),
  /** `null`: never, if the policy allows that. Absent: the policy's default from now. */
  expires_at: v.optional(v.nullable(v.pipe(v.string(), v.isoTimestamp())))
});
function readImportLine(line, keyPrefixes, nowSeconds) {
  const parsed = v.safeParse(lineSchema, parseJson(line));
  if (!parsed.success) {
    const fields = parsed.issues.map((issue) => v.getDotPath(issue) ?? "the line itself");
    throw invalid(`Missing, unknown or malformed: ${[...new Set(fields)].join(", ")}.`);
  }
  const { user_id, name, key, sha256, scope, audience, org_id, ip, clients, expires_at } = parsed.output;
  if (key === void 0 === (sha256 === void 0)) throw invalid("It needs either key or sha256.");
  if (key !== void 0 && !isForeignKey(key, keyPrefixes)) {
    throw invalid(
      "The key is none that can be imported: 24 to 1,024 printable characters, and not in the form of this product's own keys."
    );
  }
  return {
    userId: user_id,
    key: foreignKey(key === void 0 ? bytesOf(sha256 ?? "") : sha256Of(key)),
    request: {
      name,
      ...scope !== void 0 && { scope },
      ...audience && { audiences: audience },
      ...org_id !== void 0 && { organizationId: org_id },
      ...ip && { ipRanges: ip },
      ...clients && { clientIds: clients },
      ...expires_at !== void 0 && { lifetimeDays: lifetimeDays(expires_at, nowSeconds) }
    }
  };
}
function parseJson(line) {
  try {
    return JSON.parse(line);
  } catch {
    return void 0;
  }
}
function bytesOf(sha256) {
  return new Uint8Array(Buffer.from(sha256, sha256.length === 64 ? "hex" : "base64url"));
}
function lifetimeDays(expiresAt, nowSeconds) {
  return expiresAt === null ? "never" : (Date.parse(expiresAt) / 1e3 - nowSeconds) / 86400;
}
function invalid(what) {
  return new ApiKeysError(
    "import_line_invalid",
    what,
    "A line is a JSON object: user_id, name, key or sha256, and optionally scope, audience, org_id, ip, clients, expires_at."
  );
}

// src/keys/import.ts
import { isDeepStrictEqual as isDeepStrictEqual2 } from "node:util";

// src/core/plan-import.ts
function planImport(userId, appMetadata, existing, candidates, rules) {
  let entries = existing;
  const others = Array.isArray(appMetadata[ENTRIES_FIELD]) ? appMetadata[ENTRIES_FIELD] : [];
  return candidates.map(({ key, request, found }) => {
    try {
      const entry = entries.find(({ id }) => id === key.id);
      refuseDead(key.id, entry, found);
      if (found.kind === "untrusted") throw untrusted(key.id);
      if (found.kind === "trusted" && found.record.sub !== userId) throw taken(key.id);
      if (entry && !existing.includes(entry)) return { kind: "there" };
      if (entry) return stepOfExisting(entry, key, found, rules);
      const { policy, deployment, peppers, nowSeconds } = rules;
      const terms = termsOf(request, entries, policy, deployment, nowSeconds);
      const { current } = peppers;
      const added = { id: key.id, ...terms, hash: key.hash(current), v: current.version };
      const all = [...entries, added];
      const kept = others.filter((one) => !existing.includes(one));
      refuseOversizedProfile({ ...appMetadata, [ENTRIES_FIELD]: [...kept, ...all] });
      entries = all;
      return { kind: "import", entry: added };
    } catch (error) {
      if (error instanceof ApiKeysError) return { kind: "refuse", error };
      throw error;
    }
  });
}
function stepOfExisting(entry, key, found, { peppers, upgrade }) {
  const pepper = peppers.byVersion.get(entry.v);
  const isRotated = pepper !== void 0 && !isEqual(key.hash(pepper), entry.hash);
  if (upgrade && !isRotated && entry.v !== peppers.current.version) {
    return {
      kind: "rehash",
      entry: { ...entry, hash: key.hash(peppers.current), v: peppers.current.version }
    };
  }
  return found.kind === "missing" ? { kind: "import", entry } : { kind: "there" };
}
function refuseDead(keyId, entry, found) {
  const isRevoked = found.kind === "trusted" && found.record.revoked_at !== void 0;
  if (!isRevoked && entry?.revoked_at === void 0) return;
  throw new ApiKeysError(
    "key_dead",
    `Key ${keyId} was revoked.`,
    "A revoked key is not brought back: give its holder a new one."
  );
}
function untrusted(keyId) {
  return new ApiKeysError(
    "record_untrusted",
    `The record of key ${keyId} in Redis was altered, or sealed with a pepper that is not held here.`,
    "Run: npm run keys -- reconcile --fix"
  );
}
function taken(keyId) {
  return new ApiKeysError(
    "key_taken",
    `Key ${keyId} is another user's.`,
    "A key acts as one user: correct user_id, or give each user a key of their own."
  );
}

// src/keys/patience.ts
var STORE_PATIENCE_MS = [500, 2e3, 8e3];
var RATE_LIMIT_PATIENCE_MS = [1e3, 2e3, 4e3, 8e3, 16e3, 32e3];
var OF_ONE_USER = /* @__PURE__ */ new Set([
  "profile_malformed",
  "user_locked",
  "lease_too_short",
  "update_lost"
]);
async function outwaitStore(keys, work) {
  return outwait(keys, "store_unavailable", STORE_PATIENCE_MS, work);
}
async function outwaitRateLimit(keys, work) {
  return outwait(keys, "management_rate_limited", RATE_LIMIT_PATIENCE_MS, work);
}
function isOfOneUser(error) {
  return error instanceof ApiKeysError && OF_ONE_USER.has(error.code);
}
async function outwait(keys, code, pausesMs, work) {
  for (const pauseMs of pausesMs) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ApiKeysError) || error.code !== code) throw error;
      await keys.sleep(pauseMs);
    }
  }
  return work();
}

// src/keys/import.ts
async function requireImport(keys) {
  if (!keys.policy.acceptForeignKeys) {
    throw new ApiKeysError(
      "foreign_keys_refused",
      "The policy does not accept keys that were made elsewhere.",
      "Set policy.acceptForeignKeys in deploy.config.ts, then: npm run deploy -- apply"
    );
  }
  await requireOurStore(keys);
}
async function importKeys(keys, userId, lines, options) {
  try {
    const steps = await outwait2(keys, async () => (await look(keys, userId, lines, options)).steps);
    if (!options.write || !steps.some(isToWrite)) return steps.map(outcomeOf);
    return await outwait2(
      keys,
      async () => keys.lock(userId, async (lease) => importUnderLock(keys, lease, userId, lines, options))
    );
  } catch (error) {
    const isUnknown = error instanceof ApiKeysError && error.code === "user_not_found";
    if (!isUnknown && !isOfOneUser(error)) throw error;
    return lines.map(() => ({ kind: "refused", error }));
  }
}
async function look(keys, userId, lines, { upgrade }) {
  const [profile, found] = await Promise.all([
    keys.users.read(userId),
    keys.records.readMany(lines.map(({ key }) => key.id))
  ]);
  const candidates = lines.map(({ key, request }, at) => ({
    key,
    request,
    found: found[at] ?? { kind: "missing" }
  }));
  const { policy, deployment, peppers } = keys;
  const rules = { policy, deployment, peppers, nowSeconds: keys.nowSeconds(), upgrade };
  const { appMetadata } = profile;
  return { profile, steps: planImport(userId, appMetadata, keyEntriesOf(appMetadata), candidates, rules) };
}
async function importUnderLock(keys, lease, userId, lines, options) {
  const { profile, steps } = await look(keys, userId, lines, options);
  const before = new Map(keyEntriesOf(profile.appMetadata).map((entry) => [entry.id, entry]));
  const work = writeAll(keys, lease, userId, profile, steps.filter(isToWrite));
  const outcomes = [];
  for (const step of steps) {
    if (!isToWrite(step)) {
      outcomes.push(outcomeOf(step));
      continue;
    }
    const { entry } = step;
    const operation = step.kind === "import" ? "import" : "import_upgrade";
    const write2 = async () => {
      if ((await work).has(entry.id)) throw taken(entry.id);
      return outcomeOf(step);
    };
    const changes = changesBetween(before.get(entry.id) ?? {}, entry);
    const done = audited(keys, { operation, userId, keyId: entry.id }, write2, () => ({ changes }));
    outcomes.push(await done.catch(failed2));
  }
  return outcomes.map((outcome) => {
    if (outcome.kind === "failed") throw outcome.error;
    return outcome;
  });
}
function failed2(error) {
  const isTaken = error instanceof ApiKeysError && error.code === "key_taken";
  return isTaken ? { kind: "refused", error } : { kind: "failed", error };
}
function outcomeOf(step) {
  switch (step.kind) {
    case "there":
      return { kind: "there_already" };
    case "import":
      return { kind: "imported" };
    case "rehash":
      return { kind: "rehashed" };
    case "refuse":
      return { kind: "refused", error: step.error };
  }
}
function isToWrite(step) {
  return step.kind === "import" || step.kind === "rehash";
}
async function outwait2(keys, work) {
  return outwaitRateLimit(keys, async () => outwaitStore(keys, work));
}
async function writeAll(keys, lease, userId, profile, steps) {
  const added = steps.filter(({ kind }) => kind === "import").map(({ entry }) => recordOf(userId, entry));
  await keys.records.addMissing(added);
  const found = await keys.records.readMany(added.map(({ id }) => id));
  const lost = /* @__PURE__ */ new Set();
  for (const [at, record] of added.entries()) {
    const one = found[at];
    if (one?.kind !== "trusted" || one.record.sub !== userId) lost.add(record.id);
    else if (!isDeepStrictEqual2(one.record, record)) await keys.records.write(record);
  }
  for (const { kind, entry } of steps) {
    if (kind === "rehash") await keys.records.write(recordOf(userId, entry));
  }
  const written = new Map(
    steps.filter(({ entry }) => !lost.has(entry.id)).map(({ entry }) => [entry.id, entry])
  );
  const kept = profile.entries.map((one) => written.get(one?.id ?? "") ?? one);
  const entries = [...kept, ...[...written.values()].filter((entry) => !kept.includes(entry))];
  if (!isDeepStrictEqual2(entries, profile.entries)) {
    const isDone = (after) => [...written.values()].every((entry) => after.some((one) => isDeepStrictEqual2(one, entry)));
    const outcome = await writeEntries(keys, lease, userId, entries, isDone);
    if (outcome.kind !== "written") throw outcome.error;
  }
  return lost;
}

// src/keys/some-at-once.ts
var AT_ONCE = 4;
async function someAtOnce(items, work) {
  const rest = [...items];
  const next = async () => {
    for (let item = rest.pop(); item !== void 0; item = rest.pop()) {
      try {
        await work(item);
      } catch (error) {
        rest.length = 0;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, next));
  const failed3 = ended.find((one) => one.status === "rejected");
  if (failed3) throw failed3.reason;
}

// src/keys/import-all.ts
var LINES_A_BATCH = 500;
async function importAll(keys, lines, options, report) {
  await requireImport(keys);
  let batch = [];
  let line = 0;
  for await (const text2 of lines) {
    line++;
    if (text2.trim() !== "") batch.push({ line, text: text2 });
    if (batch.length < LINES_A_BATCH) continue;
    await importBatch(keys, batch, options, report);
    batch = [];
  }
  await importBatch(keys, batch, options, report);
}
async function importBatch(keys, batch, options, report) {
  const done = /* @__PURE__ */ new Map();
  const byUser = /* @__PURE__ */ new Map();
  for (const { line, text: text2 } of batch) {
    try {
      const read2 = readImportLine(text2, keys.deployment.keyPrefixes, keys.nowSeconds());
      byUser.set(read2.userId, [...byUser.get(read2.userId) ?? [], { line, read: read2 }]);
    } catch (error) {
      if (!(error instanceof ApiKeysError)) throw error;
      done.set(line, { line, userId: void 0, keyId: void 0, outcome: { kind: "refused", error } });
    }
  }
  try {
    await someAtOnce([...byUser], async ([userId, ofUser]) => {
      const reads = ofUser.map(({ read: read2 }) => read2);
      const outcomes = await importKeys(keys, userId, reads, options);
      for (const [at, { line, read: read2 }] of ofUser.entries()) {
        const outcome = outcomes[at];
        if (outcome) done.set(line, { line, userId, keyId: read2.key.id, outcome });
      }
    });
  } finally {
    for (const { line } of batch) {
      const imported = done.get(line);
      if (imported) report(imported);
    }
  }
}

// src/cli/progress-line.ts
function progressLine(io) {
  const write2 = (text2) => {
    if (io.isTerminal === true) io.stderr(`\r\x1B[K${text2}`);
  };
  return { show: write2, clear: () => write2("") };
}

// src/cli/keys/import-command.ts
function addImportCommand(kit) {
  kit.addOnline("import <file>", "let keys that were made elsewhere go on working; a line of JSON each").option("--write", "import them (default: look at all of them, and write nothing)").option("--upgrade", "hash those that are there already under the current pepper").action(async (file, options) => {
    const keys = await kit.open(options);
    const counts = /* @__PURE__ */ new Map();
    const progress = progressLine(kit.io);
    let lines = 0;
    const write2 = options.write === true;
    await importAll(keys, linesOfFile(file), { write: write2, upgrade: options.upgrade === true }, (imported) => {
      const { kind } = imported.outcome;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      progress.clear();
      kit.io.stdout(options.json ? `${JSON.stringify(toJson(imported))}
` : lineOf(imported, write2));
      progress.show(`${++lines} lines`);
    }).finally(progress.clear);
    const count = (kind) => counts.get(kind) ?? 0;
    kit.io.stderr(
      `${write2 ? "" : "Nothing was written. "}${count("imported")} ${write2 ? "imported" : "to import"}, ${count("rehashed")} ${write2 ? "hashed anew" : "to hash anew"}, ${count("there_already")} there already, ${count("refused")} refused.
`
    );
    if (count("refused") > 0) throw refused(count("refused"));
  });
}
async function* linesOfFile(file) {
  try {
    yield* linesOf(createReadStream(file, "utf8"));
  } catch (error) {
    throw new ApiKeysError(
      "configuration_invalid",
      `The file ${file} cannot be read.`,
      "Give a file of JSON lines; /dev/stdin reads standard input.",
      error
    );
  }
}
function toJson({ line, userId, keyId, outcome }) {
  return {
    line,
    user_id: userId ?? null,
    key_id: keyId ?? null,
    outcome: outcome.kind,
    ...outcome.kind === "refused" && { error: outcome.error.code, problem: outcome.error.message }
  };
}
function lineOf({ line, userId, keyId, outcome }, isWritten) {
  const said = {
    imported: isWritten ? "imported" : "to import",
    rehashed: isWritten ? "hashed anew" : "to hash anew",
    there_already: "there already",
    refused: "refused"
  };
  const told = [String(line).padStart(6), said[outcome.kind].padEnd(13), keyId ?? "-", userId ?? "-"];
  if (outcome.kind === "refused") told.push(`${outcome.error.message} ${outcome.error.fix}`);
  return `${told.join("  ")}
`;
}
function refused(count) {
  return new ApiKeysError(
    "lines_refused",
    `${count} ${count === 1 ? "line was" : "lines were"} refused.`,
    "Correct them, then run the same command again: what is there already is left as it is."
  );
}

// src/keys/require-not-dead.ts
function requireNotDead(entry, nowSeconds) {
  const since = deadSinceSeconds(entry, nowSeconds);
  if (since === void 0) return;
  throw new ApiKeysError(
    "key_dead",
    `Key ${entry.id} is dead since ${new Date(since * 1e3).toISOString()}.`,
    "Make a new one: npm run keys -- create --user ID --name NAME"
  );
}

// src/keys/change.ts
import { isDeepStrictEqual as isDeepStrictEqual3 } from "node:util";

// src/keys/list.ts
async function listKeys(keys, userId) {
  const { appMetadata } = await keys.users.read(userId);
  return oldestFirst(appMetadata);
}
function oldestFirst(appMetadata) {
  return keyEntriesOf(appMetadata).toSorted((a, b) => a.iat - b.iat);
}
async function* listAllKeys(keys) {
  for await (const { userId, appMetadata } of keys.exportUsers()) {
    for (const entry of oldestFirst(appMetadata)) yield { userId, entry };
  }
}
async function showKey(keys, userId, keyId) {
  return entryOf(await listKeys(keys, userId), userId, keyId);
}
function entryOf(entries, userId, keyId) {
  const entry = entries.find(({ id }) => id === keyId);
  if (entry) return entry;
  throw new ApiKeysError(
    "key_not_found",
    `The user ${userId} has no key ${JSON.stringify(keyId)}.`,
    "See the user's keys: npm run keys -- list --user ID"
  );
}

// src/keys/change.ts
async function changeKey(keys, userId, keyId, change) {
  return audited(
    keys,
    { operation: change.operation, userId, keyId },
    async () => changeUnderLock(keys, userId, keyId, change),
    ({ before, after }) => ({ changes: changesBetween(before, after) })
  );
}
async function changeUnderLock(keys, userId, keyId, { isDeath, decide }) {
  return keys.lock(userId, async (lease) => {
    const [profile, record] = await Promise.all([keys.users.read(userId), readRecord(keys, keyId, isDeath)]);
    const all = keyEntriesOf(profile.appMetadata);
    const entry = entryOf(all, userId, keyId);
    const before = withDeath(entry, record);
    const others = all.filter(({ id }) => id !== keyId);
    const after = decide(before, keys.nowSeconds(), others);
    await keys.records.write(recordOf(userId, after));
    if (isDeepStrictEqual3(after, entry)) return { before, after };
    const entries = profile.entries.map((one) => one?.id === keyId ? after : one);
    const isDone = (written) => written.some((one) => isDeepStrictEqual3(one, after));
    const outcome = await writeEntries(keys, lease, userId, entries, isDone);
    if (outcome.kind === "written") return { before, after };
    if (!isDeath && outcome.kind === "not_written" && await takeBack(keys, recordOf(userId, before))) {
      throw outcome.error;
    }
    throw new ApiKeysError(
      "change_incomplete",
      `Key ${keyId} is changed in Redis, but ${userId}'s app_metadata does not say so yet.`,
      "Run the same command again to complete it.",
      outcome.error
    );
  });
}
async function readRecord(keys, keyId, isDeath) {
  try {
    return await keys.records.read(keyId);
  } catch (error) {
    if (isDeath && error instanceof ApiKeysError && error.code === "record_untrusted") return void 0;
    throw error;
  }
}
function withDeath(entry, record) {
  if (record?.revoked_at === void 0 || entry.revoked_at !== void 0) return entry;
  const { revoked_at, revoked_reason } = record;
  return { ...entry, revoked_at, ...revoked_reason !== void 0 && { revoked_reason } };
}
async function takeBack(keys, record) {
  return keys.records.write(record).then(
    () => true,
    () => false
  );
}

// src/keys/disable.ts
async function disableKey(keys, userId, keyId) {
  return changeKey(keys, userId, keyId, {
    operation: "disable",
    isDeath: true,
    decide(entry, nowSeconds) {
      requireNotDead(entry, nowSeconds);
      return entry.disabled_at === void 0 ? { ...entry, disabled_at: nowSeconds } : entry;
    }
  });
}
async function enableKey(keys, userId, keyId) {
  await requireOurStore(keys);
  return changeKey(keys, userId, keyId, {
    operation: "enable",
    isDeath: false,
    decide(entry, nowSeconds) {
      requireNotDead(entry, nowSeconds);
      const { disabled_at: _, ...enabled } = entry;
      return enabled;
    }
  });
}

// src/keys/last-uses.ts
async function lastUses(keys, keyIds) {
  if (!keys.deployment.lastUsed) return void 0;
  try {
    return await keys.uses.readUses(keyIds);
  } catch (error) {
    if (error instanceof ApiKeysError && error.code === "store_unavailable") return void 0;
    throw error;
  }
}

// src/keys/prune.ts
var SECONDS_A_DAY3 = 86400;
async function pruneKeys(keys, userId) {
  return audited(
    keys,
    { operation: "prune", userId },
    async () => pruneUnderLock(keys, userId),
    (dropped) => ({ changes: dropped.map(({ id }) => id) })
  );
}
async function pruneUnderLock(keys, userId) {
  return keys.lock(userId, async (lease) => {
    const profile = await keys.users.read(userId);
    const nowSeconds = keys.nowSeconds();
    const keptFromSeconds = nowSeconds - keys.policy.retentionDays * SECONDS_A_DAY3;
    const isOld = (entry) => (deadSinceSeconds(entry, nowSeconds) ?? Infinity) < keptFromSeconds;
    const dropped = keyEntriesOf(profile.appMetadata).filter(isOld);
    if (dropped.length === 0) return [];
    const ids = new Set(dropped.map(({ id }) => id));
    const left = profile.entries.filter((one) => !ids.has(one?.id ?? ""));
    const isDone = (after) => !after.some(({ id }) => ids.has(id));
    const outcome = await writeEntries(keys, lease, userId, left, isDone);
    if (outcome.kind !== "written") throw outcome.error;
    for (const id of ids) await keys.records.remove(id);
    return dropped;
  });
}

// src/cli/keys/life-commands.ts
function addLifeCommands(kit) {
  kit.addForUser("show <key-id>", "show all that is known of a key").action(async (keyId, options) => {
    const keys = await kit.open(options);
    const entry = await showKey(keys, options.user, keyId);
    const nowSeconds = keys.nowSeconds();
    const presented = presentKey(options.user, entry, nowSeconds, await lastUses(keys, [keyId]));
    kit.print(options, presented, keyLines(presented, nowSeconds));
  });
  for (const [verb, description, change] of [
    ["disable", "switch a key off until it is enabled again", disableKey],
    ["enable", "switch a disabled key on", enableKey]
  ]) {
    kit.addForUser(`${verb} <key-id>`, description).action(async (keyId, options) => {
      const keys = await kit.open(options);
      const { after } = await change(keys, options.user, keyId);
      const presented = presentKey(options.user, after, keys.nowSeconds());
      kit.print(options, presented, `Key ${keyId} is ${presented.status}.
`);
    });
  }
  kit.addForUser("prune", "drop a user's keys that have been dead for longer than the retention").action(async (options) => {
    const keys = await kit.open(options);
    const dropped = await pruneKeys(keys, options.user);
    const presented = dropped.map((entry) => presentKey(options.user, entry, keys.nowSeconds()));
    kit.print(
      options,
      presented,
      presented.length === 0 ? "There was nothing to drop.\n" : keysTable(presented)
    );
  });
}

// src/cli/keys/list-command.ts
import { Option as Option3 } from "commander";

// src/keys/peppers.ts
var PASSES = 3;
async function countPeppers(keys) {
  const { current, byVersion } = keys.peppers;
  const counts = /* @__PURE__ */ new Map();
  const of = (version) => {
    const count = counts.get(version) ?? { living: 0, dead: 0, sealed: 0 };
    counts.set(version, count);
    return count;
  };
  for (const version of byVersion.keys()) of(version);
  for await (const { entry } of listAllKeys(keys)) {
    const needed = versionsNeededBy(entry, keys.nowSeconds());
    for (const version of needed) of(version).living++;
    if (needed.size === 0) of(entry.v).dead++;
  }
  for await (const { sealed } of pagesOfSeals(keys)) {
    for (const version of sealed.values()) of(version).sealed++;
  }
  return [...counts].toSorted(([one], [other]) => other - one).map(([version, { living, dead, sealed }]) => ({
    version,
    role: version === current.version ? "current" : byVersion.has(version) ? "older" : "missing",
    livingKeys: living,
    deadKeys: dead,
    sealedRecords: sealed
  }));
}
async function retirePepper(keys, version, despiteRecords = false) {
  return audited(
    keys,
    { operation: "retire_pepper" },
    async () => retire(keys, version, despiteRecords),
    () => ({ changes: [`pepper ${version}`] })
  );
}
async function retire(keys, version, despiteRecords) {
  await requireOurStore(keys);
  const { current, byVersion } = keys.peppers;
  if (version === current.version)
    throw inUse(version, "it is the current one", "Add another first: npm run keys -- pepper add");
  if (!byVersion.has(version)) {
    throw new ApiKeysError(
      "pepper_not_held",
      `There is no pepper ${version} in API_KEY_PEPPER.`,
      "See those that are: npm run keys -- pepper status"
    );
  }
  let living = 0;
  for await (const { entry } of listAllKeys(keys)) {
    if (versionsNeededBy(entry, keys.nowSeconds()).has(version)) living++;
  }
  if (living > 0) {
    throw inUse(
      version,
      `${living} living ${living === 1 ? "key needs" : "keys need"} it`,
      `Rotate or revoke them: npm run keys -- list --all-users --pepper ${version}`
    );
  }
  if (!despiteRecords) await refuseNeededByRecords(keys, version);
  let resealed = 0;
  for (let pass = 0; pass < PASSES; pass++) {
    const left = await reseal(keys, version);
    if (left === 0) return resealed;
    resealed += left;
  }
  throw inUse(
    version,
    "another program goes on sealing with it",
    "Give all programs the same API_KEY_PEPPER."
  );
}
async function refuseNeededByRecords(keys, version) {
  let needing = 0;
  for await (const ids of keys.records.ids()) {
    for (const one of await outwaitStore(keys, async () => keys.records.readMany(ids))) {
      const isNeeding = one.kind === "trusted" && versionsNeededBy(one.record, keys.nowSeconds()).has(version);
      if (isNeeding) needing++;
    }
  }
  if (needing === 0) return;
  throw inUse(
    version,
    `${needing} living ${needing === 1 ? "record needs" : "records need"} it, which no entry confirms`,
    "Restore their entries, then rotate or revoke them: npm run keys -- reconcile --fix --restore-entries. Or leave them behind: --yes"
  );
}
async function reseal(keys, version) {
  let resealed = 0;
  for await (const { sealed } of pagesOfSeals(keys)) {
    const ids = [...sealed].filter(([, by]) => by === version).map(([id]) => id);
    const byUser = /* @__PURE__ */ new Map();
    for (const one of await keys.records.readMany(ids)) {
      if (one.kind !== "trusted") continue;
      const { sub, id } = one.record;
      byUser.set(sub, [...byUser.get(sub) ?? [], id]);
    }
    await someAtOnce([...byUser], async ([userId, keyIds]) => {
      await outwaitStore(
        keys,
        async () => keys.lock(userId, async (lease) => {
          for (const one of await keys.records.readMany(keyIds)) {
            lease.require(2 * keys.requestTimeoutMs);
            if (one.kind === "trusted" && one.record.sub === userId) await keys.records.reseal(one.record);
          }
        })
      );
    });
    resealed += ids.length;
  }
  return resealed;
}
async function* pagesOfSeals(keys) {
  for await (const ids of keys.records.ids()) {
    const versions = await outwaitStore(keys, async () => keys.records.sealVersions(ids));
    const sealed = /* @__PURE__ */ new Map();
    for (const [at, id] of ids.entries()) {
      const version = versions[at];
      if (version !== void 0) sealed.set(id, version);
    }
    yield { sealed };
  }
}
function versionsNeededBy(entry, nowSeconds) {
  const status2 = keyStatus(entry, nowSeconds);
  if (status2 !== "active" && status2 !== "disabled") return /* @__PURE__ */ new Set();
  const previous = isOverlapping(entry, nowSeconds) ? entry.previous : void 0;
  return /* @__PURE__ */ new Set([entry.v, ...previous ? [previous.v] : []]);
}
function inUse(version, why, fix) {
  return new ApiKeysError("pepper_in_use", `Pepper ${version} cannot be retired: ${why}.`, fix);
}

// src/cli/keys/list-all-users.ts
var KEYS_A_BATCH = 100;
async function printAllKeys(io, keys, isAsked, nowSeconds) {
  let batch = [];
  const print = async () => {
    const uses = await lastUses(
      keys,
      batch.map(({ entry }) => entry.id)
    );
    for (const { userId, entry } of batch) {
      io.stdout(`${JSON.stringify(presentKey(userId, entry, nowSeconds, uses))}
`);
    }
    batch = [];
    await io.drained?.();
  };
  for await (const owned2 of listAllKeys(keys)) {
    if (isAsked(owned2.entry)) batch.push(owned2);
    if (batch.length === KEYS_A_BATCH) await print();
  }
  await print();
}

// src/cli/keys/rotate-command.ts
import { InvalidArgumentError as InvalidArgumentError2, Option as Option2 } from "commander";

// src/keys/rotate.ts
var MAX_OVERLAP_SECONDS = 7 * 86400;
async function rotateKey(keys, userId, keyId, { overlapSeconds, lifetimeDays: lifetimeDays2 }, minting) {
  if (!(overlapSeconds >= 0 && overlapSeconds <= MAX_OVERLAP_SECONDS)) {
    throw new ApiKeysError(
      "overlap_invalid",
      "The overlap is out of range.",
      "Give --overlap from 0 to 7d, as in: --overlap 24h"
    );
  }
  await requireOurStore(keys);
  const apiKey = minting?.apiKey ?? ApiKey.generate(keys.deployment.keyPrefixes[0] ?? "", keys.randomBytes, keyId);
  const pepper = keys.peppers.current;
  const { after } = await changeKey(keys, userId, keyId, {
    operation: "rotate",
    isDeath: false,
    decide(entry, nowSeconds) {
      requireNotDead(entry, nowSeconds);
      if (minting && isMinted(keys, entry, minting)) return entry;
      if (minting?.wasMade) throw keyShownAlready();
      if (isOverlapping(entry, nowSeconds)) throw underWay(entry);
      const { exp: _, ...rest } = entry;
      const exp = rotatedExpiry(entry, lifetimeDays2, keys.policy, nowSeconds);
      return {
        ...rest,
        ...exp !== void 0 && { exp },
        hash: hashKey(apiKey.reveal(), pepper),
        v: pepper.version,
        previous: { hash: entry.hash, v: entry.v, exp: nowSeconds + overlapSeconds }
      };
    }
  });
  return { apiKey, entry: after };
}
async function cancelRotation(keys, userId, keyId) {
  await requireOurStore(keys);
  return changeKey(keys, userId, keyId, {
    operation: "cancel_rotation",
    isDeath: false,
    decide(entry, nowSeconds) {
      const { previous, ...rest } = requireOverlap(entry, nowSeconds);
      return { ...rest, hash: previous.hash, v: previous.v };
    }
  });
}
async function endOverlap(keys, userId, keyId) {
  await requireDeployedPepper(keys);
  return changeKey(keys, userId, keyId, {
    operation: "end_overlap",
    isDeath: true,
    decide(entry, nowSeconds) {
      const { previous, ...rest } = requireOverlap(entry, nowSeconds);
      return { ...rest, previous: { ...previous, exp: nowSeconds } };
    }
  });
}
function requireOverlap(entry, nowSeconds) {
  requireNotDead(entry, nowSeconds);
  const { previous } = entry;
  if (previous && isOverlapping(entry, nowSeconds)) return { ...entry, previous };
  throw new ApiKeysError(
    "no_rotation_under_way",
    `Only one secret of key ${entry.id} works.`,
    "There is nothing to cancel or to end: npm run keys -- show KEY_ID --user ID"
  );
}
function underWay(entry) {
  return new ApiKeysError(
    "rotation_under_way",
    `Key ${entry.id} was rotated, and its old secret works until ${new Date((entry.previous?.exp ?? 0) * 1e3).toISOString()}.`,
    "If nobody has the new secret, withdraw it with --cancel and rotate again; else end the overlap with --now."
  );
}

// src/cli/keys/rotate-command.ts
var UNIT_SECONDS = { m: 60, h: 3600, d: 86400 };
function addRotateCommand(kit) {
  kit.addForUser(
    "rotate <key-id>",
    "give a key a new secret and print it, this once; the old one works for a while"
  ).addOption(
    new Option2("--overlap <duration>", "how long the old secret still works: 0 to 7d").default(86400, "24h").argParser(seconds)
  ).addOption(new Option2("--cancel", "withdraw the new secret").conflicts(["now", "overlap"])).addOption(
    new Option2("--now", "end the overlap: the old secret stops working").conflicts(["cancel", "overlap"])
  ).option("--expires-in-days <days>", "a new lifetime (default: never shorter than before)", wholeNumber).option("--no-expiry", "let it live until it is revoked, if the policy allows that").action(async (keyId, options) => {
    const keys = await kit.open(options);
    if (options.cancel || options.now) {
      const change = options.cancel ? cancelRotation : endOverlap;
      const { after } = await change(keys, options.user, keyId);
      const presented2 = presentKey(options.user, after, keys.nowSeconds());
      const said = options.cancel ? "The new secret was withdrawn" : "The old secret has ended";
      return kit.print(options, presented2, `${said}. Key ${keyId} has one secret again.
`);
    }
    const lifetimeDays2 = options.expiry ? options.expiresInDays : "never";
    const { apiKey, entry } = await rotateKey(keys, options.user, keyId, {
      overlapSeconds: options.overlap,
      ...lifetimeDays2 !== void 0 && { lifetimeDays: lifetimeDays2 }
    });
    const presented = presentKey(options.user, entry, keys.nowSeconds());
    kit.io.stderr(`${keyLines(presented)}This is the only time that the new key is shown.
`);
    return kit.print(options, { key: apiKey.reveal(), ...presented }, `${apiKey.reveal()}
`);
  });
}
function seconds(text2) {
  const [, amount, unit] = /^(\d{1,6})(m|h|d)$/.exec(text2) ?? [];
  if (amount !== void 0) return Number(amount) * UNIT_SECONDS[unit];
  if (text2 === "0") return 0;
  throw new InvalidArgumentError2("It must be a duration such as 30m, 24h or 7d, or 0.");
}

// src/cli/keys/list-command.ts
function addListCommand(kit) {
  owned(kit.addOnline("list", "list a user's keys")).addOption(
    new Option3("--all-users", "the keys of every user, a line of JSON each, as they come").conflicts([
      "user",
      "org"
    ])
  ).option("--expiring-within <duration>", "only keys that expire in this time, such as 14d", seconds).option("--pepper <version>", "with --all-users: only living keys that need this pepper", wholeNumber).action(async (options, command) => {
    if (options.pepper !== void 0 && !options.allUsers) {
      return command.error("error: --pepper needs --all-users");
    }
    if (options.allUsers) return listAll(kit, options);
    if (options.user !== void 0) return listOne(kit, options, options.user);
    return command.error("error: give --user ID, or --org ID, or --all-users");
  });
}
async function listOne(kit, options, userId) {
  const keys = await kit.open(options);
  const nowSeconds = keys.nowSeconds();
  const { expiringWithin = Infinity } = options;
  const entries = (await listKeys(keys, userId)).filter(
    (entry) => expiringWithin === Infinity || isExpiringWithin(entry, nowSeconds, expiringWithin)
  );
  const uses = await lastUses(
    keys,
    entries.map(({ id }) => id)
  );
  const presented = entries.map((entry) => presentKey(userId, entry, nowSeconds, uses));
  kit.print(options, presented, keysTable(presented, nowSeconds));
}
async function listAll(kit, options) {
  const keys = await kit.open(options);
  const nowSeconds = keys.nowSeconds();
  const { expiringWithin, pepper } = options;
  const isAsked = (entry) => (expiringWithin === void 0 || isExpiringWithin(entry, nowSeconds, expiringWithin)) && (pepper === void 0 || versionsNeededBy(entry, nowSeconds).has(pepper));
  await printAllKeys(kit.io, keys, isAsked, nowSeconds);
}

// src/cli/keys/offline-commands.ts
function addOfflineCommands(kit) {
  kit.add("inspect", "read a key on standard input and say offline what it is").action(async (options) => {
    const { keyPrefixes } = await loadDeployConfig(options.config);
    const parts = inspectKey((await kit.io.readStdin()).trim());
    const found = parts && {
      prefix: parts.prefix,
      id: parts.id,
      checksum_ok: parts.isChecksumRight,
      prefix_known: keyPrefixes.includes(parts.prefix)
    };
    const lines = `prefix    ${found?.prefix}${found?.prefix_known ? "" : " (not of this deployment)"}
id        ${found?.id}
checksum  ${found?.checksum_ok ? "ok" : "wrong: the key was mistyped or cut"}
`;
    kit.print(
      options,
      found ?? { prefix: null, id: null, checksum_ok: false, prefix_known: false },
      found ? lines : "This is no API key.\n"
    );
  });
  kit.add("pattern", "print the regular expression that finds keys, for secret scanners").action(async (options) => {
    const pattern = keyPattern((await loadDeployConfig(options.config)).keyPrefixes);
    kit.print(options, { pattern }, `${pattern}
`);
  });
}

// src/keys/revoke.ts
var MAX_REASON_LENGTH = 128;
async function revokeKey(keys, userId, keyId, reason) {
  if (reason.length === 0 || reason.length > MAX_REASON_LENGTH) {
    throw new ApiKeysError(
      "reason_invalid",
      "The reason is empty or too long.",
      `Give --reason with 1 to ${MAX_REASON_LENGTH} characters.`
    );
  }
  const { before, after } = await changeKey(keys, userId, keyId, {
    operation: "revoke",
    isDeath: true,
    decide: (entry, nowSeconds) => entry.revoked_at === void 0 ? { ...entry, revoked_at: nowSeconds, revoked_reason: reason } : entry
  });
  return { entry: after, wasRevoked: before.revoked_at !== void 0 };
}
async function revokeAllKeys(keys, userId, reason) {
  const revoked = [];
  for (const entry of await listKeys(keys, userId)) {
    if (deadSinceSeconds(entry, keys.nowSeconds()) === void 0) {
      revoked.push(await revokeKey(keys, userId, entry.id, reason));
    }
  }
  return revoked;
}

// src/keys/revoke-leaked.ts
async function revokeLeakedKeys(keys, text2, reason) {
  const results = [];
  for (const found of findKeys(text2, keys.deployment.keyPrefixes)) {
    const key = readPresentedKey(found, keys.deployment);
    const parts = inspectKey(found);
    const hint = `${parts?.prefix}_${parts?.id}…`;
    if (key) results.push(await revokeLeaked(keys, key, hint, reason));
    else results.push({ hint, outcome: "mistyped", user_id: null });
  }
  for (const key of foreignKeysIn(text2, keys)) {
    const leaked = await revokeLeaked(keys, key, key.id, reason);
    if (leaked.outcome !== "unknown") results.push(leaked);
  }
  return results;
}
function foreignKeysIn(text2, { deployment }) {
  const lines = text2.split("\n").map((line) => line.trim());
  const candidates = /* @__PURE__ */ new Set([...lines, ...text2.split(/[\s"'`,;<>]+/)]);
  return [...candidates].filter((one) => isForeignKey(one, deployment.keyPrefixes)).flatMap((one) => readPresentedKey(one, deployment) ?? []);
}
async function revokeLeaked(keys, apiKey, hint, reason) {
  const record = await keys.records.read(apiKey.id);
  if (!record || !isSecretOf(keys, apiKey, record)) return { hint, outcome: "unknown", user_id: null };
  const user_id = record.sub;
  try {
    const { wasRevoked } = await revokeKey(keys, user_id, apiKey.id, reason);
    return { hint, outcome: wasRevoked ? "revoked_already" : "revoked", user_id };
  } catch (error) {
    const isGone = error instanceof ApiKeysError && ["user_not_found", "key_not_found"].includes(error.code);
    if (!isGone) throw error;
    if (record.revoked_at !== void 0) return { hint, outcome: "revoked_already", user_id };
    const tombstone = { ...record, revoked_at: keys.nowSeconds(), revoked_reason: reason };
    const changes = changesBetween(record, tombstone);
    const subject = { operation: "revoke", userId: user_id, keyId: apiKey.id };
    await audited(
      keys,
      subject,
      async () => keys.records.write(tombstone),
      () => ({ changes })
    );
    return { hint, outcome: "revoked", user_id };
  }
}
function isSecretOf(keys, apiKey, record) {
  return [record, record.previous].some((secret) => {
    const pepper = secret && keys.peppers.byVersion.get(secret.v);
    return pepper !== void 0 && isEqual(apiKey.hash(pepper), secret?.hash ?? "");
  });
}

// src/cli/keys/revoke-command.ts
function addRevokeCommand(kit) {
  owned(kit.addOnline("revoke [key-id]", "revoke a key for good")).option("--all", "every key of the user").option("--stdin", "every whole key that stands in the text on standard input, whoever's it is").option("--reason <text>", "why, at most 128 characters", "revoked by an operator").action(async (keyId, options, command) => {
    const { user, all, stdin, reason } = options;
    if (stdin && keyId === void 0 && user === void 0 && !all) {
      const leaked = await revokeLeakedKeys(await kit.open(options), await kit.io.readStdin(), reason);
      return kit.print(options, leaked, leakTable(leaked));
    }
    if (!stdin && user !== void 0 && keyId !== void 0 !== (all === true)) {
      return keyId === void 0 ? revokeAll(kit, options, user) : revokeOne(kit, options, user, keyId);
    }
    return command.error("error: give KEY_ID --user ID, or --user ID --all, or --stdin");
  });
}
async function revokeOne(kit, options, user, keyId) {
  const keys = await kit.open(options);
  const { entry, wasRevoked } = await revokeKey(keys, user, keyId, options.reason);
  const presented = presentKey(user, entry, keys.nowSeconds());
  const again = wasRevoked ? " already" : "";
  kit.print(options, presented, `Key ${keyId} was revoked${again} at ${presented.revoked_at}.
`);
}
async function revokeAll(kit, options, user) {
  const keys = await kit.open(options);
  const revoked = await revokeAllKeys(keys, user, options.reason);
  const presented = revoked.map(({ entry }) => presentKey(user, entry, keys.nowSeconds()));
  kit.print(
    options,
    presented,
    presented.length === 0 ? "There was no key to revoke.\n" : keysTable(presented)
  );
}
function leakTable(leaked) {
  if (leaked.length === 0) return "There is no key of this deployment in the text.\n";
  const said = {
    revoked: "revoked",
    revoked_already: "was revoked already",
    mistyped: "no key: mistyped or cut",
    unknown: "no key that is known"
  };
  return table([
    ["KEY", "OUTCOME", "USER"],
    ...leaked.map((one) => [one.hint, said[one.outcome], one.user_id ?? ""])
  ]);
}

// src/cli/keys/pepper-command.ts
function addPepperCommand(kit) {
  kit.addOnline(
    "pepper <verb> [version]",
    "add a pepper, retire an older one, or say what depends on each (status)"
  ).option("--yes", "retire it although records that no entry confirms need it").action(async (verb, version, options, command) => {
    if (verb === "add" && version === void 0) return add(kit, options);
    if (verb === "status" && version === void 0) return status(kit, options);
    if (verb === "retire" && version !== void 0) return retire2(kit, options, wholeNumber(version));
    return command.error("error: give add, status, or retire VERSION");
  });
}
async function add(kit, options) {
  const { io } = kit;
  const isLocal = options.local === true;
  const text2 = addPepper(await readPepperText(io.env, isLocal), kit.randomBytes);
  const { version } = parsePeppers(text2).current;
  const next = `Next: npm run deploy -- apply${isLocal ? " --local" : ""}. Until then no key can be made; all go on working.`;
  await hand(kit, options, text2, version, `Pepper ${version} is the current one. ${next}`);
}
async function retire2(kit, options, version) {
  const isLocal = options.local === true;
  const resealed = await retirePepper(await kit.open(options), version, options.yes === true);
  const text2 = dropPepper(await readPepperText(kit.io.env, isLocal), version);
  const next = `Next: npm run deploy -- apply${isLocal ? " --local" : ""}`;
  const said = `Nothing depends on pepper ${version} any more; ${resealed} records were sealed anew. ${next}`;
  await hand(kit, options, text2, version, said);
}
async function hand(kit, options, text2, version, said) {
  const { io } = kit;
  if (options.local) {
    await writeLocalPepper(io.env, text2);
    return kit.print(options, { version }, `${said}
`);
  }
  io.stderr(`${said}
The new value of API_KEY_PEPPER is on standard output, and nowhere else.
`);
  return kit.print(options, { version, api_key_pepper: text2 }, `${text2}
`);
}
async function status(kit, options) {
  const keys = await kit.open(options);
  const counts = await countPeppers(keys);
  const marker = await keys.records.readMarker();
  const isDeployed = marker === "ours";
  const peppers = counts.map((one) => ({
    version: one.version,
    role: one.role,
    living_keys: one.livingKeys,
    dead_keys: one.deadKeys,
    sealed_records: one.sealedRecords
  }));
  const note = isDeployed ? "" : "The current pepper is not deployed yet: npm run deploy -- apply\n";
  kit.print(options, { current_is_deployed: isDeployed, peppers }, `${pepperTable(counts)}${note}`);
}
function pepperTable(counts) {
  return table([
    ["VERSION", "ROLE", "LIVING KEYS", "DEAD KEYS", "SEALED RECORDS"],
    ...counts.map(
      (one) => [one.version, one.role, one.livingKeys, one.deadKeys, one.sealedRecords].map(String)
    )
  ]);
}

// src/core/compare-key.ts
function compareKey(sub, entry, found, nowSeconds, retentionSeconds) {
  const isForgettable = (key) => (deadSinceSeconds(key, nowSeconds) ?? Infinity) + retentionSeconds <= nowSeconds;
  if (found.kind === "untrusted") return "altered_record";
  if (!entry) {
    return found.kind === "missing" || isForgettable(found.record) ? void 0 : "orphan_record";
  }
  const expected = recordOf(sub, entry);
  if (found.kind === "missing") return isForgettable(expected) ? void 0 : "missing_record";
  if (found.record.revoked_at !== void 0 && entry.revoked_at === void 0) return "entry_not_revoked";
  if (found.record.disabled_at !== void 0 && entry.disabled_at === void 0) return "entry_not_disabled";
  return isSame(expected, found.record) ? void 0 : "stale_record";
}
function mendOf(difference, sub, entry, found, restoreEntries) {
  switch (difference) {
    case "missing_record":
    case "stale_record":
    case "altered_record":
      return entry && { record: recordOf(sub, entry) };
    case "entry_not_revoked":
    case "entry_not_disabled": {
      if (!entry || found.kind !== "trusted") return void 0;
      const ended = withEndOf(entry, found.record);
      return { entry: ended, ...found.record.sub === sub && { record: recordOf(sub, ended) } };
    }
    case "orphan_record":
      return restoreEntries && found.kind === "trusted" ? { entry: entryOfRecord(found.record) } : void 0;
  }
}
function entryOfRecord(record) {
  const { sub: _, ...rest } = record;
  return { ...rest, name: `restored ${record.id}` };
}
function withEndOf(entry, record) {
  const { revoked_at, revoked_reason, disabled_at } = record;
  return {
    ...disabled_at !== void 0 && { disabled_at },
    ...revoked_at !== void 0 && { revoked_at },
    ...revoked_reason !== void 0 && { revoked_reason },
    ...entry
  };
}
function isSame(one, other) {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return one === other;
  }
  const names = Object.keys(one);
  return Array.isArray(one) === Array.isArray(other) && names.length === Object.keys(other).length && names.every(
    (name) => Object.hasOwn(other, name) && isSame(one[name], other[name])
  );
}

// src/core/seen-keys.ts
import { createHash as createHash2 } from "node:crypto";
var BITS = 2 ** 26;
var PROBES = 8;
function seenKeys(salt) {
  const bits = new Uint8Array(BITS / 8);
  const probes = (userId, keyId) => {
    const digest = createHash2("sha256").update(salt).update(`${keyId}|${userId}`).digest();
    return Array.from({ length: PROBES }, (_, at) => digest.readUInt32LE(at * 4) % BITS);
  };
  return {
    add(userId, keyId) {
      for (const bit of probes(userId, keyId)) bits[bit >>> 3] = (bits[bit >>> 3] ?? 0) | 1 << (bit & 7);
    },
    has: (userId, keyId) => probes(userId, keyId).every((bit) => ((bits[bit >>> 3] ?? 0) & 1 << (bit & 7)) !== 0)
  };
}

// src/keys/mend-user.ts
import { isDeepStrictEqual as isDeepStrictEqual4 } from "node:util";
var SECONDS_A_DAY4 = 86400;
async function mendUser(keys, userId, keyIds, options) {
  try {
    return await outwaitRateLimit(
      keys,
      async () => options.fix ? keys.lock(userId, async (lease) => mend(keys, lease, userId, keyIds, options)) : mend(keys, void 0, userId, keyIds, options)
    );
  } catch (error) {
    if (isOfOneUser(error)) return [{ kind: "user_skipped", userId, problem: error.message, mended: false }];
    if (!(error instanceof ApiKeysError) || error.code !== "user_not_found") throw error;
    return keyIds.map((keyId) => ({ kind: "deleted_user", userId, keyId, mended: false }));
  }
}
function retentionSecondsOf(keys) {
  return keys.policy.retentionDays * SECONDS_A_DAY4;
}
async function mend(keys, lease, userId, keyIds, { restoreEntries }) {
  const profile = await keys.users.read(userId);
  const entries = keyEntriesOf(profile.appMetadata);
  const found = await keys.records.readMany(keyIds);
  const differences = [];
  const mends = [];
  for (const [at, keyId] of keyIds.entries()) {
    const record = found[at] ?? { kind: "missing" };
    const entry = entries.find(({ id }) => id === keyId);
    const kind = compareKey(userId, entry, record, keys.nowSeconds(), retentionSecondsOf(keys));
    if (kind === void 0) continue;
    if (entry && await isAnothers(keys, userId, keyId, record)) {
      differences.push({ kind: "duplicate_entry", userId, keyId, mended: false });
      continue;
    }
    const mend2 = lease && mendOf(kind, userId, entry, record, restoreEntries);
    if (mend2) mends.push(mend2);
    differences.push({ kind, userId, keyId, mended: mend2 !== void 0 });
  }
  if (!lease) return differences;
  const isThereRoom = await write(keys, lease, userId, profile, mends);
  return isThereRoom ? differences : [...differences.map((one) => ({ ...one, mended: false })), oversized(userId)];
}
async function write(keys, lease, userId, profile, mends) {
  const changed = mends.flatMap(({ entry }) => entry ?? []);
  if (changed.length > 0) {
    const byId = new Map(changed.map((entry) => [entry.id, entry]));
    const kept = profile.entries.map((entry) => byId.get(entry?.id ?? "") ?? entry);
    const restored = changed.filter((entry) => !kept.includes(entry));
    const list = [...kept, ...restored];
    if (restored.length > 0 && isOversizedProfile({ ...profile.appMetadata, [ENTRIES_FIELD]: list }))
      return false;
    await audited(
      keys,
      { operation: "reconcile", userId },
      async () => replaceEntries(keys, lease, userId, list, changed),
      () => ({ changes: changed.map(({ id }) => id) })
    );
  }
  for (const { record } of mends) {
    if (!record) continue;
    lease.require(2 * keys.requestTimeoutMs);
    await keys.records.write(record);
  }
  return true;
}
async function replaceEntries(keys, lease, userId, entries, changed) {
  const isDone = (after) => changed.every((entry) => after.some((one) => isDeepStrictEqual4(one, entry)));
  const outcome = await writeEntries(keys, lease, userId, entries, isDone);
  if (outcome.kind !== "written") throw outcome.error;
}
function oversized(userId) {
  return { kind: "oversized_profile", userId, mended: false };
}
async function isAnothers(keys, userId, keyId, found) {
  if (found.kind !== "trusted" || found.record.sub === userId) return false;
  try {
    const owner = await keys.users.read(found.record.sub);
    return keyEntriesOf(owner.appMetadata).some(({ id }) => id === keyId);
  } catch (error) {
    if (error instanceof ApiKeysError && error.code === "user_not_found") return false;
    throw error;
  }
}

// src/keys/reconcile.ts
var ENTRIES_A_BATCH = 500;
var RESTORE_AT_ONCE = { entries: 20, part: 0.01 };
async function reconcile(keys, options) {
  await refuseForeignStore(keys);
  if (options.fix) await requireDeployedPepper(keys);
  const run = startRun(keys, options);
  await compareEntries(run);
  if (options.restoreEntries && !options.restoreMany) await refuseManyRestored(run);
  await compareRecords(run);
  const isWhole = options.fix && options.userId === void 0 && !run.isIncomplete;
  return { ...run.progress, marked: isWhole && await keys.records.mark() === "ours" };
}
function startRun(keys, options) {
  const run = {
    keys,
    options,
    seen: seenKeys(keys.randomBytes(16)),
    linkedTo: /* @__PURE__ */ new Map(),
    progress: { users: 0, entries: 0, records: 0 },
    isIncomplete: false,
    report(differences) {
      for (const difference of differences) {
        const { kind, mended } = difference;
        run.isIncomplete ||= !mended && (kind === "missing_record" || kind === "user_skipped");
        options.onDifference(difference);
      }
    }
  };
  return run;
}
async function compareEntries(run) {
  let batch = [];
  for await (const { userId, appMetadata, linkedUserIds } of usersOf(run)) {
    run.progress.users++;
    for (const linked of linkedUserIds) run.linkedTo.set(linked, userId);
    if (isOversizedProfile(appMetadata)) run.report([oversized(userId)]);
    for (const entry of keyEntriesOf(appMetadata)) {
      run.seen.add(userId, entry.id);
      batch.push({ userId, entry });
    }
    if (batch.length < ENTRIES_A_BATCH) continue;
    await compareBatch(run, batch);
    batch = [];
  }
  await compareBatch(run, batch);
}
async function* usersOf({ keys, options }) {
  if (options.userId === void 0) return yield* keys.exportUsers();
  const { appMetadata } = await keys.users.read(options.userId);
  yield { userId: options.userId, appMetadata, linkedUserIds: [] };
}
async function compareBatch(run, batch) {
  const { keys, options } = run;
  const compare = async (owned2) => {
    const found = await outwaitStore(
      keys,
      async () => keys.records.readMany(owned2.map(({ entry }) => entry.id))
    );
    return owned2.map(
      ({ userId, entry }, at) => compareKey(
        userId,
        entry,
        found[at] ?? { kind: "missing" },
        keys.nowSeconds(),
        retentionSecondsOf(keys)
      )
    );
  };
  const kinds = await compare(batch);
  const missing = [];
  const doubtful = [];
  for (const [at, { userId, entry }] of batch.entries()) {
    if (kinds[at] === "missing_record") missing.push({ userId, entry });
    else if (kinds[at] !== void 0) doubtful.push({ userId, keyId: entry.id });
  }
  if (options.fix && missing.length > 0) {
    await outwaitStore(
      keys,
      async () => keys.records.addMissing(missing.map(({ userId, entry }) => recordOf(userId, entry)))
    );
  }
  const left = options.fix ? await compare(missing) : [];
  for (const [at, { userId, entry }] of missing.entries()) {
    if (left[at] !== void 0) doubtful.push({ userId, keyId: entry.id });
    else run.report([{ kind: "missing_record", userId, keyId: entry.id, mended: options.fix }]);
  }
  await lookAgain(run, doubtful);
  run.progress.entries += batch.length;
  options.onProgress?.(run.progress);
}
async function compareRecords(run) {
  const { options, progress } = run;
  for await (const { orphans, untrusted: untrusted2, size } of pagesOfRecords(run)) {
    progress.records += size;
    for (const one of [...orphans, ...untrusted2]) run.seen.add(one.userId, one.keyId);
    run.report(untrusted2.map(({ keyId }) => ({ kind: "altered_record", keyId, mended: false })));
    for (const { userId, keyId } of orphans) {
      const linkedTo = run.linkedTo.get(userId);
      if (linkedTo !== void 0) {
        run.report([{ kind: "linked_user", userId, keyId, linkedTo, mended: false }]);
      }
    }
    await lookAgain(
      run,
      orphans.filter(({ userId }) => !run.linkedTo.has(userId))
    );
    options.onProgress?.(progress);
  }
}
async function* pagesOfRecords({ keys, options, seen: seen2 }) {
  for await (const ids of keys.records.ids()) {
    const found = await outwaitStore(keys, async () => keys.records.readMany(ids));
    const orphans = [];
    const untrusted2 = [];
    for (const [at, keyId] of ids.entries()) {
      const one = found[at];
      if (one?.kind === "trusted") {
        const userId = one.record.sub;
        const isAsked = options.userId === void 0 || options.userId === userId;
        if (isAsked && !seen2.has(userId, keyId)) orphans.push({ userId, keyId });
      } else if (one?.kind === "untrusted" && options.userId === void 0 && !seen2.has("", keyId)) {
        untrusted2.push({ userId: "", keyId });
      }
    }
    yield { orphans, untrusted: untrusted2, size: ids.length };
  }
}
async function refuseManyRestored(run) {
  let [lost, all] = [0, 0];
  for await (const { orphans, size } of pagesOfRecords(run)) {
    lost += orphans.filter(({ userId }) => !run.linkedTo.has(userId)).length;
    all += size;
  }
  if (lost <= RESTORE_AT_ONCE.entries && (run.options.userId !== void 0 || lost <= all * RESTORE_AT_ONCE.part))
    return;
  throw new ApiKeysError(
    "restore_unconfirmed",
    `${lost} of ${all} records have no entry. Were their entries lost, or deleted on purpose?`,
    "Look at them first: npm run keys -- reconcile. To write their entries back, add --yes."
  );
}
async function lookAgain({ keys, options, report }, owned2) {
  const byUser = /* @__PURE__ */ new Map();
  for (const { userId, keyId } of owned2) byUser.set(userId, [...byUser.get(userId) ?? [], keyId]);
  await someAtOnce([...byUser], async ([userId, keyIds]) => {
    report(await mendUser(keys, userId, keyIds, options));
  });
}

// src/cli/keys/reconcile-command.ts
var LISTED = 1e3;
var HARMLESS = /* @__PURE__ */ new Set(["deleted_user"]);
function addReconcileCommand(kit) {
  const command = kit.addOnline("reconcile", "compare the keys in Auth0 with those in Redis, both ways, and mend what differs").option("--user <id>", "one user alone (default: the whole tenant)").option("--fix", "mend what differs: the truth is Auth0, death is either, and no record is deleted").option("--restore-entries", "with --fix: write lost entries back to Auth0 from their records").option("--yes", "restore however many entries are lost");
  command.action(async (options) => {
    if (options.restoreEntries && !options.fix) command.error("error: --restore-entries needs --fix");
    const keys = await kit.open(options);
    const tally = startTally(options.json ? void 0 : (text3) => kit.io.stdout(text3));
    const progress = progressLine(kit.io);
    const done = await reconcile(keys, {
      fix: options.fix === true,
      restoreEntries: options.restoreEntries === true,
      restoreMany: options.yes === true,
      ...options.user !== void 0 && { userId: options.user },
      onDifference: (difference) => {
        progress.clear();
        tally.add(difference);
      },
      onProgress: ({ users, entries, records }) => progress.show(`${users} users, ${entries} entries, ${records} records`)
    }).finally(progress.clear);
    const { counts, listed, mended, remaining } = tally;
    const summary = { ...done, counts: Object.fromEntries(counts), mended: mended(), remaining: remaining() };
    const text2 = `${done.users} users, ${done.entries} entries, ${done.records} records. ${mended()} differences mended, ${remaining()} left.${done.marked ? " The store is whole." : ""}
`;
    kit.print(options, { ...summary, differences: listed.map(toJson2) }, text2);
    if (remaining() > 0) throw remain(remaining(), counts, options.fix === true);
  });
}
function startTally(print) {
  const counts = /* @__PURE__ */ new Map();
  const listed = [];
  let [mended, remaining] = [0, 0];
  return {
    counts,
    listed,
    mended: () => mended,
    remaining: () => remaining,
    add(difference) {
      counts.set(difference.kind, (counts.get(difference.kind) ?? 0) + 1);
      if (difference.mended) mended++;
      else if (!HARMLESS.has(difference.kind)) remaining++;
      if (print) print(lineOf2(difference));
      else if (listed.length < LISTED) listed.push(difference);
    }
  };
}
function lineOf2({ kind, userId, keyId, linkedTo, problem, mended }) {
  const told = [kind.replaceAll("_", " ").padEnd(17), keyId ?? "-", userId ?? "-"];
  if (mended) told.push("mended");
  if (problem !== void 0) told.push(problem);
  if (linkedTo !== void 0) {
    told.push(`is linked to ${linkedTo}: npm run keys -- transfer --from '${userId}' --to '${linkedTo}'`);
  }
  return `${told.join("  ")}
`;
}
function toJson2({ kind, userId, keyId, linkedTo, problem, mended }) {
  return {
    kind,
    user_id: userId ?? null,
    key_id: keyId ?? null,
    ...linkedTo !== void 0 && { linked_to: linkedTo },
    ...problem !== void 0 && { problem },
    mended
  };
}
function remain(remaining, counts, isFixed) {
  const orphans = counts.has("orphan_record") ? " Entries that were lost come back with --fix --restore-entries." : "";
  return new ApiKeysError(
    "differences_remain",
    `${remaining} ${remaining === 1 ? "difference is" : "differences are"} left.`,
    (isFixed ? "See docs/RECONCILE.md for each kind." : "Mend them: npm run keys -- reconcile --fix.") + orphans
  );
}

// src/cli/keys/store-commands.ts
function addStoreCommands(kit) {
  kit.addOnline("init", "mark an empty Redis database as this deployment's").action(async (options) => {
    const { marked } = await initStore(await kit.open(options));
    kit.print(
      options,
      { marked },
      marked ? "The store is ready for keys.\n" : "The store was ready already.\n"
    );
  });
}

// src/keys/transfer.ts
import { isDeepStrictEqual as isDeepStrictEqual5 } from "node:util";
async function transferKeys(keys, fromUserId, toUserId) {
  return audited(
    keys,
    { operation: "transfer", userId: toUserId },
    async () => transfer(keys, fromUserId, toUserId),
    (transferred) => ({ changes: transferred.map(({ id }) => id) })
  );
}
async function transfer(keys, fromUserId, toUserId) {
  await requireOurStore(keys);
  const keyIds = await idsOfUser(keys, fromUserId);
  return keys.lock(toUserId, async (lease) => {
    const profile = await keys.users.read(toUserId);
    if (!profile.linkedUserIds.includes(fromUserId)) throw notLinked(fromUserId, toUserId);
    const records = await recordsOf(keys, keyIds, fromUserId);
    if (records.length === 0) return [];
    const existing = new Map(keyEntriesOf(profile.appMetadata).map((entry) => [entry.id, entry]));
    const transferred = records.map((record) => {
      const before = existing.get(record.id);
      return before ? withEndOf(before, record) : entryOfRecord(record);
    });
    const ids = new Set(transferred.map(({ id }) => id));
    const others = profile.entries.filter((one) => !ids.has(one?.id ?? ""));
    const entries = [...others, ...transferred];
    refuseOversizedProfile({ ...profile.appMetadata, [ENTRIES_FIELD]: entries });
    const isDone = (after) => transferred.every((entry) => after.some((one) => isDeepStrictEqual5(one, entry)));
    const outcome = await writeEntries(keys, lease, toUserId, entries, isDone);
    if (outcome.kind !== "written") throw outcome.error;
    for (const entry of transferred) {
      lease.require(2 * keys.requestTimeoutMs);
      await keys.records.write(recordOf(toUserId, entry));
    }
    return transferred;
  });
}
async function idsOfUser(keys, userId) {
  const all = /* @__PURE__ */ new Set();
  for await (const ids of keys.records.ids()) {
    for (const { id } of await recordsOf(keys, ids, userId)) all.add(id);
  }
  return [...all];
}
async function recordsOf(keys, keyIds, userId) {
  const found = await keys.records.readMany(keyIds);
  return found.flatMap((one) => one.kind === "trusted" && one.record.sub === userId ? [one.record] : []);
}
function notLinked(fromUserId, toUserId) {
  return new ApiKeysError(
    "transfer_refused",
    `${fromUserId} is no identity of ${toUserId}: its keys would act as somebody else.`,
    "Link the two users in Auth0 first, or make new keys."
  );
}

// src/cli/keys/transfer-command.ts
function addTransferCommand(kit) {
  kit.addOnline("transfer", "give the keys of a linked user to the user that it was linked into").requiredOption("--from <id>", "the user_id that is an identity of the other now").requiredOption("--to <id>", "the user_id that is left").action(async (options) => {
    const keys = await kit.open(options);
    const entries = await transferKeys(keys, options.from, options.to);
    const presented = entries.map((entry) => presentKey(options.to, entry, keys.nowSeconds()));
    kit.print(options, presented, keysTable(presented));
  });
}

// src/cli/keys/keys-program.ts
async function runKeys(argv, io) {
  const program = new Command("keys").description("Make, show and revoke API keys of Auth0 users.");
  const kit = commandKit(program, io);
  addCreateCommand(kit);
  addListCommand(kit);
  addLifeCommands(kit);
  addRotateCommand(kit);
  addRevokeCommand(kit);
  addStoreCommands(kit);
  addReconcileCommand(kit);
  addTransferCommand(kit);
  addImportCommand(kit);
  addPepperCommand(kit);
  addOfflineCommands(kit);
  return runProgram(program, argv, io);
}

// scripts/keys.ts
process.exitCode = await runKeys(process.argv.slice(2), processIo());
