import type { Group } from "./mutant.ts";

const CREDENTIALS = "^which credentials a request carries";
const SOURCE = ["test/client/token-source.test.ts"];
const GATEWAY = ["test/client/gateway.test.ts"];
const OPTIONS = ["test/client/options.test.ts"];
const CACHES = ["test/client/token-caches.test.ts"];
const WATCH = ["test/client/redis-store-watch.test.ts"];

/** Mutants of the client, the gateway and the kill switch. */
export const CLIENT: readonly Group[] = [
  [
    "src/client/gateway.ts",
    GATEWAY,
    [
      {
        name: "a gateway asks for a scope that nobody named",
        find: 'scope: typeof scope === "function" ? scope(request) : scope,',
        replace: 'scope: typeof scope === "function" ? scope(request) : (scope ?? "read:things"),',
        tests: ["test/e2e/gateway.test.ts"],
        only: "^a gateway that names no scope",
      },
      {
        name: "a gateway does not ask the kill switch about the token of a key",
        find: "const killed = await killSwitch?.refuse(auth.payload);",
        replace: "const killed = undefined as GatewayRefusal | undefined;",
        only: "is seen within five seconds",
      },
      {
        name: "a gateway keeps the token of a key that has ended",
        find: "if (killed.status === 401) await source.drop(request);",
        replace: "",
        only: "does not come back with it",
      },
      {
        name: "a gateway does not ask about a token that a caller presents",
        find: 'return (await killSwitch.refuse(payload)) ?? { kind: "untouched" };',
        replace: 'void payload;\n      return { kind: "untouched" };',
        only: "a token that is presented itself is refused as well",
      },
      {
        name: "a gateway with a kill switch passes tokens where nobody looks",
        find: "if (bearer === undefined ? mayHideToken(request) : hasQueryToken(request))",
        replace: "if (bearer === undefined && mayHideToken(request))",
        only: "its query beside another",
      },
      {
        name: "a gateway exchanges for keys that are known to have ended",
        find: "hasEnded: killSwitch && (async (keyId) => killSwitch.hasEnded(keyId)),",
        replace: "hasEnded: undefined,",
        only: "a key that has ended costs no exchange",
      },
      {
        name: "a gateway names the client's address unasked",
        find: 'forwardedFor: forwardClientAddress ? clientAddressOf(request.clientAddress ?? "") : undefined,',
        replace: 'forwardedFor: clientAddressOf(request.clientAddress ?? ""),',
        only: "does not name it unless told to",
      },
      {
        name: "a kill switch lets what nothing has verified pass",
        find: "if (!mayCarryToken(places)) return undefined;",
        replace: "return undefined;",
        tests: ["test/e2e/gateway.test.ts"],
        only: "^the kill switch and express-oauth2-jwt-bearer.* the header$",
      },
    ],
  ],
  [
    "src/client/gateway-credentials.ts",
    GATEWAY,
    [
      {
        name: "a scheme with nothing behind it counts as credentials",
        find: '.filter((value) => value.replace(SCHEME, "") !== "");',
        replace: '.filter((value) => value !== "");',
        only: CREDENTIALS,
      },
      {
        name: "a blank X-API-Key counts as a key",
        find: 'valuesOf(headers["x-api-key"], ",").filter((value) => value !== "");',
        replace: 'valuesOf(headers["x-api-key"], ",");',
        only: CREDENTIALS,
      },
      {
        name: "a key beside a bearer token wins",
        find: 'if (keys.length + others.length > 1) return { kind: "ambiguous" };',
        replace: 'if (keys.length > 1 || others.length > 1) return { kind: "ambiguous" };',
        only: CREDENTIALS,
      },
      {
        name: "two keys in one field are one",
        find: 'headers["x-api-key"], ","',
        replace: 'headers["x-api-key"]',
        only: CREDENTIALS,
      },
      {
        name: "a key of another prefix goes to the tenant",
        find: 'if (prefix !== undefined && keyPrefixes && !keyPrefixes.includes(prefix)) return { kind: "other_key" };',
        replace: "",
        only: "^a whole key of another deployment",
      },
      {
        name: "a key under another scheme goes to the API",
        find: 'return redactKeys(sent) === sent ? { kind: "other" } : { kind: "other_key" };',
        replace: 'return redactKeys(sent) === "" ? { kind: "other_key" } : { kind: "other" };',
        only: CREDENTIALS,
      },
    ],
  ],
  [
    "src/client/gateway-fetch.ts",
    GATEWAY,
    [
      {
        name: "a key is forwarded beside its token",
        find: '  headers.delete("x-api-key");\n',
        replace: "",
        only: "replaces a key in X-API-Key by its token",
      },
      {
        name: "a gateway of fetch is not checked",
        find: "  check('\"gateway\"', gateway, GATEWAY);\n",
        replace: "  void [check, GATEWAY];\n",
        tests: OPTIONS,
        only: "with no gateway says so",
      },
      {
        name: "nginx's subrequest is judged by its own method",
        find: 'method: headers.get("x-original-method") ?? request.method,',
        replace: "method: request.method,",
        only: "^a gateway for nginx, whose subrequest is always GET",
      },
    ],
  ],
  [
    "src/client/node-headers.ts",
    ["test/e2e/gateway.test.ts"],
    [
      {
        name: "a key stays in Node's raw header fields",
        find: "if (!CREDENTIALS.some((one) => one === name.toLowerCase())) kept.push(name, value);",
        replace: "kept.push(name, value);",
        only: "express: the key is gone from all of them",
      },
      {
        name: "a field that was sent twice is its first value",
        find: "return { ...headers, ...Object.fromEntries(repeated) };",
        replace: "void repeated;\n  return headers;",
        only: "express: two credentials at once are refused",
      },
    ],
  ],
  [
    "src/client/kill-switch.ts",
    ["test/client/kill-switch.test.ts"],
    [
      {
        name: "after the clock was put back an old answer of the kill switch counts",
        find: "if (known && leftMs(known.untilMs, this.#maxAgeMs, this.#nowMs()) > 0) return known.status;",
        replace: "if (known && this.#nowMs() < known.untilMs) return known.status;",
        only: "^what it remembers",
      },
      {
        name: "the kill switch tells no eviction",
        find: "new BoundedMap(options.maxEntries ?? MAX_ENTRIES, options.onEvict);",
        replace: "new BoundedMap(options.maxEntries ?? MAX_ENTRIES);",
        only: "^what it remembers",
      },
      {
        name: "the kill switch has a bound of its own",
        find: "options.maxEntries ?? MAX_ENTRIES",
        replace: "MAX_ENTRIES",
        only: "^what it remembers",
      },
      {
        name: "without a record a token passes",
        find: 'if (status === "unknown" && this.#options.whenUnknown !== "accept") return unavailable();',
        replace: "",
        tests: GATEWAY,
        only: "it refuses or accepts as it is told",
      },
      {
        name: "actors that cannot be read pass",
        find: 'if (!actors) return challenge("invalid_token", "The actors of this token cannot be read.");',
        replace: "if (!actors) return undefined;",
        only: "passed on more often",
      },
    ],
  ],
  [
    "src/client/verify-token.ts",
    GATEWAY,
    [
      {
        name: "after the clock was put back an old verification counts",
        find: "leftMs(known.untilMs, REMEMBERED_MS, nowMs()) > 0",
        replace: "nowMs() < known.untilMs",
        only: "a clock that is put back makes no verification last longer",
      },
      {
        name: "a token without kid is the gateway's fault",
        find: "const isOfToken = error instanceof errors.JOSEError && !UNAVAILABLE.has(error.code);",
        replace:
          'const isOfToken = error instanceof errors.JOSEError && !UNAVAILABLE.has(error.code) && error.code !== "ERR_JWKS_MULTIPLE_MATCHING_KEYS";',
        only: "nor is one that names no signing key",
      },
      {
        name: "a JWKS that cannot be fetched is the token's fault",
        find: '  "ERR_JOSE_GENERIC",\n',
        replace: "",
        only: "a token of a key is not asked about either",
      },
      {
        name: "tokens of another issuer pass",
        find: "      issuer,\n      audience,\n      algorithms",
        replace: "      audience,\n      algorithms",
        only: "does not pass a token on",
      },
      {
        name: "tokens for another audience pass",
        find: "      issuer,\n      audience,\n      algorithms",
        replace: "      issuer,\n      algorithms",
        only: "does not pass a token on",
      },
    ],
  ],
  [
    "src/client/blockade.ts",
    SOURCE,
    [
      {
        name: "after the clock was put back an address is blocked for longer",
        find: "leftMs(blocked.untilMs, blocked.forMs, nowMs)",
        replace: "Math.max(0, blocked.untilMs - nowMs) + 0 * leftMs(0, 0, 0)",
        only: "blocks no address for longer",
      },
      {
        name: "an address that is blocked is tried",
        find: 'if (error.code !== "too_many_attempts") return;',
        replace: "return;",
        only: "an address that Auth0 blocks is blocked here too",
      },
    ],
  ],
  [
    "src/client/guarded-cache.ts",
    SOURCE,
    [
      {
        name: "a token of a shared cache is used for longer than the maximum age",
        find: "return token && token !== UNSEEN ? this.shorten(token) : token;",
        replace: "return token;",
        only: "^with a maximum age",
      },
      {
        name: "a shortened token is another object each time",
        find: "this.#shortened.get(token) ?? {",
        replace: "{",
        only: "^with a maximum age",
      },
    ],
  ],
  [
    "src/client/token-obtainer.ts",
    SOURCE,
    [
      {
        name: "a token that is obtained has no maximum age",
        find: "const token = cache.shorten({",
        replace: "const token = ((one: CachedToken) => one)({",
        only: "^with a maximum age",
      },
      {
        name: "an end that is no time makes a token last for ever",
        find: "return Number.isFinite(exp) ? Number(exp) : Infinity;",
        replace: "return exp ?? Infinity;",
        only: "^the token's own end that is no time",
      },
      {
        name: "the pace that the tenant names is not told to the line",
        find: "perSecond: error.rateLimit }",
        replace: "perSecond: undefined }",
        only: "^the pace after a refusal",
      },
      {
        name: "offered scopes outlast a clock that was put back",
        find: "leftMs(offer.untilMs, offer.forMs, nowMs) > 0",
        replace: "offer.untilMs > nowMs",
        only: "gets, after a clock that was put back",
      },
      {
        name: "an offer is forgotten at once",
        find: "      remember(offered, OFFER_MS);\n",
        replace: "",
        only: "after a limit between the two",
      },
      {
        name: "a caller that named scopes gets others",
        find: "if (request.scope?.trim()) return this.#ask(need, request, signal);",
        replace: "",
        only: "a caller that named scopes is refused",
      },
    ],
  ],
  [
    "src/client/exchange.ts",
    ["test/client/exchange.test.ts"],
    [
      {
        name: "the tenant's limit is not read",
        find: "rateLimit: status === 429 ? rateLimit(response.headers) : undefined,",
        replace: "rateLimit: status === 429 && rateLimit === undefined ? 1 : undefined,",
        tests: SOURCE,
        only: "^the pace after a refusal",
      },
      {
        name: "misspelt parameters of an exchange are ignored",
        find: '  checkOptions("parameters", parameters, PARAMETER_RULES);\n',
        replace: "",
        only: "^what is wrong or unknown in its",
      },
      {
        name: "a part of an endpoint is not checked",
        find: '  checkOptions("endpoint", endpoint, ENDPOINT_RULES);\n',
        replace: "",
        only: "^a key is not sent in the clear|^what is wrong or unknown in its",
      },
      {
        name: "a key follows a redirect",
        find: 'redirect: "manual",',
        replace: 'redirect: "follow",',
        only: "redirect",
      },
    ],
  ],
  [
    "src/client/token-source.ts",
    SOURCE,
    [
      {
        name: "misspelt options of a request are ignored",
        find: '    checkOptions("getToken", request, REQUEST_RULES);\n',
        replace: "",
        tests: OPTIONS,
        only: "^a token is neither asked for nor dropped",
      },
      {
        name: "misspelt options of a drop are ignored",
        find: '    checkOptions("drop", request, REQUEST_RULES);\n',
        replace: "",
        tests: OPTIONS,
        only: "^a token is neither asked for nor dropped",
      },
      {
        name: "after the clock was put back a refresh is put off for longer",
        find: "leftMs(held.refreshNotBeforeMs, 1.5 * REFRESH_PAUSE_MS, this.#clock.nowMs()) > 0",
        replace: "this.#clock.nowMs() < held.refreshNotBeforeMs",
        only: "puts off no refresh for longer",
      },
      {
        name: "after the clock was put back a call waits for longer",
        find: "const budgetLeftMs = leftMs(deadlineMs, waitBudgetMs, this.#clock.nowMs());",
        replace: "const budgetLeftMs = deadlineMs - this.#clock.nowMs();",
        only: "makes no call wait for longer",
      },
      {
        name: "the token of a key that is refused stays",
        find: "        await this.#cache.delete(need.slot);\n        throw outcome.refusal.error;",
        replace: "        throw outcome.refusal.error;",
        only: "a key that is refused at its refresh takes its token with it",
      },
      {
        name: "the evictions of keys are not told",
        find: 'new BoundedMap(maxEntries, onEvict && (() => onEvict("key")));',
        replace: "new BoundedMap(maxEntries);",
        only: "^one option bounds what a process remembers",
      },
    ],
  ],
  [
    "src/client/cache-slot.ts",
    SOURCE,
    [
      {
        name: "a token of one address is for all",
        find: '    parameters.forwardedFor ?? "",\n',
        replace: "",
        only: "^a request with another address",
      },
      {
        name: "a token of one organization is for all",
        find: '    parameters.organization ?? "",\n',
        replace: "",
        only: "^a request with another organization",
      },
      {
        name: "a token of some scopes is for all",
        find: '    scopes.join(" "),\n',
        replace: "",
        only: "^a request with another scope",
      },
    ],
  ],
  [
    "src/client/redis-token-cache.ts",
    CACHES,
    [
      {
        name: "whatever is not nothing takes a lock",
        find: '          if (taken !== null) throw new Error("Redis answered a lock with neither OK nor nothing.");\n',
        replace: "          if (taken !== null) return async () => undefined;\n",
        only: "^where Redis answers",
      },
      {
        name: "a token that Redis has not kept counts as kept",
        find: 'if (reply !== "OK") throw new Error("Redis did not keep a token.");',
        replace: "void reply;",
        only: "^where Redis answers",
      },
      {
        name: "what a Redis cache remembers is not bounded",
        find: "limit: (maxEntries, onEvict) => watch.limit(maxEntries, onEvict),",
        replace: "limit: () => undefined,",
        tests: WATCH,
        only: "puts back as much as it was told|is bounded as well",
      },
    ],
  ],
  [
    "src/client/redis-store-watch.ts",
    WATCH,
    [
      {
        name: "what is remembered of a Redis is not bounded",
        find: "    this.#known.maxEntries = maxTokens;\n",
        replace: "",
        only: "puts back as much as it was told",
      },
      {
        name: "what could not be written is not bounded",
        find: "    this.#unstored.maxEntries = maxTokens;\n",
        replace: "",
        only: "is bounded as well",
      },
      {
        name: "what had to go of a Redis is not told",
        find: "    this.#known.onEvict = onEvict;\n",
        replace: "",
        only: "puts back as much as it was told",
      },
    ],
  ],
  [
    "src/client/redis-port.ts",
    ["test/client/exchange.test.ts"],
    [
      {
        name: "an answer of Redis is read to its end",
        find: "readObject(response, MAX_ANSWER_BYTES)",
        replace: "readObject(response, 1000 * MAX_ANSWER_BYTES)",
        only: "^of an answer of Redis no more is read",
      },
    ],
  ],
  [
    "src/client/exchange-line.ts",
    ["test/client/exchange-line.test.ts"],
    [
      {
        name: "after the clock was put back what was granted counts as that of a second",
        find: "if (passedMs >= 0 && passedMs < 1_000) return;",
        replace: "if (passedMs < 1_000) return;",
        only: "^after the clock was put back",
      },
    ],
  ],
  [
    "src/client/refusals.ts",
    SOURCE,
    [
      {
        name: "after the clock was put back a refusal lasts longer",
        find: "return leftMs(untilMs, forMs, this.#clock.nowMs()) > 0;",
        replace: "return untilMs > this.#clock.nowMs() && leftMs(0, forMs, 0) === 0;",
        only: "a clock that is put back makes no refusal longer",
      },
    ],
  ],
  [
    "src/cli/token-settings.ts",
    ["test/e2e/token-program.test.ts"],
    [
      {
        name: "a secret that is blank is one",
        find: "env[name]?.trim() || undefined;",
        replace: "env[name];",
        only: "^a variable that is blank",
      },
    ],
  ],
  [
    "src/core/check-options.ts",
    OPTIONS,
    [
      {
        name: "unknown options are ignored",
        find: "  if (unknown === undefined) return;\n",
        replace: "  if (unknown !== 0) return;\n",
        only: "an option that nobody knows is none",
      },
      {
        name: "an option that is undefined counts as left out",
        find: "if (!(name in options) && one.isOptional) continue;",
        replace: "if (options[name] === undefined && one.isOptional) continue;",
        only: "may be left out, and must be right if it is there",
      },
      {
        name: "a key is sent in the clear",
        find: 'return url?.protocol === "https:" || (url !== undefined && LOOPBACK.test(url.hostname));',
        replace: "return url !== undefined;",
        tests: ["test/client/exchange.test.ts"],
        only: "^a key is not sent in the clear",
      },
    ],
  ],
  [
    "src/core/refuse-use.ts",
    ["test/core/decide-exchange.test.ts"],
    [
      {
        name: "a list of scopes that was cut looks like all",
        find: 'const label = list === has.join(" ") ? "scope" : "among others";',
        replace: 'const label = "scope";',
        only: "lists whole scopes, as many as fit",
      },
    ],
  ],
];
