/**
 * What of these keys and tokens can be found in a dump: as it is, in hexadecimal or in either base64 at any offset, in
 * the dump as it lies or in anything in it that can be decoded. Knows nothing of how the caches seal.
 */
export function searchDump(
  dump: Buffer,
  keys: readonly string[],
  tokens: readonly string[],
): readonly string[] {
  const haystack = [dump, ...decodings(dump)].map((bytes) => bytes.toString("latin1")).join("\n");
  const secrets = new Map<string, Buffer>();
  for (const key of keys) {
    const body = key.slice(key.lastIndexOf("_") + 1);
    for (const [what, text] of [
      ["a key", key],
      ["a key without its prefix", body],
      ["a key id", body.slice(0, 12)],
      ["a secret", body.slice(12, 44)],
      ["half a secret", body.slice(12, 28)],
    ] as const)
      secrets.set(`${what}: ${text}`, Buffer.from(text));
  }
  for (const token of tokens) {
    secrets.set(`a token: ${token}`, Buffer.from(token));
    for (const [at, part] of token.split(".").entries()) {
      secrets.set(`part ${at} of a token: ${part}`, Buffer.from(part));
      secrets.set(`part ${at} of a token, decoded: ${part}`, Buffer.from(part, "base64url"));
    }
  }
  return [...secrets]
    .filter(([, secret]) => writings(secret).some((text) => haystack.includes(text)))
    .map(([name]) => name);
}

/** The access tokens in answers of a token endpoint, some of which are refusals. */
export function tokensIn(answers: readonly string[]): readonly string[] {
  const parsed = answers.map((text) => JSON.parse(text) as { readonly access_token?: string });
  return parsed.flatMap(({ access_token }) => access_token ?? []);
}

/** Whatever in a dump could be base64 or hexadecimal, decoded. */
function decodings(dump: Buffer): readonly Buffer[] {
  const runs = dump.toString("latin1").match(/[A-Za-z0-9+/_-]{16,}/g) ?? [];
  return runs.flatMap((run) => [Buffer.from(run, "base64"), Buffer.from(run, "hex")]);
}

/** The ways in which bytes may be written, as they would stand in a longer text. */
function writings(secret: Buffer): readonly string[] {
  const inBase64 = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), secret]).toString("base64");
    // The characters at both ends are made of neighbours too.
    return text.replace(/=+$/, "").slice(offset === 0 ? 0 : offset + 1, -1);
  });
  const inBase64url = inBase64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"));
  const hex = secret.toString("hex");
  return [secret.toString("latin1"), hex, hex.toUpperCase(), ...inBase64, ...inBase64url];
}
