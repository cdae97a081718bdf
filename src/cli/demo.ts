import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { inspectKey, redactKeys } from "../core/key-format.ts";
import type { Io } from "./io.ts";
import { runKeys } from "./keys/keys-program.ts";
import { prepareLocalDeployment } from "./local-deployment.ts";
import { writeLocalFile } from "./local-file.ts";
import { explain } from "./run-program.ts";
import type { Started, StartOptions } from "./start-program.ts";

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";

/** What a program that was run printed. */
interface Printed {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The main path, for real and in one go: a tenant, a key from the keys CLI, an exchange with curl, an unchanged API, a
 * revocation. Prints a line or two a step, keys redacted. Gives the exit code: 0 only if every step went as it should.
 */
export async function runDemo(io: Io, start: (options: StartOptions) => Promise<Started>): Promise<0 | 1> {
  const folder = await mkdtemp(join(tmpdir(), "api-keys-demo-"));
  const env = { ...io.env, LOCAL_TENANT_DIR: folder };
  let tenant: Started | undefined;
  try {
    const deployment = await prepareLocalDeployment(env);
    const onLog = (line: string) => io.stdout(`     log  ${redactKeys(line)}\n`);
    tenant = await start({ ...deployment, port: 0, redis: undefined, limits: true, onLog });
    await writeLocalFile(env, { ...tenant.description, api_key_pepper: deployment.pepper });
    await walk(io, env, tenant);
    io.stdout("\nDone: a key became a user's token, and stopped being one when it was revoked.\n");
    return 0;
  } catch (error) {
    io.stderr(explain(error));
    return 1;
  } finally {
    await tenant?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function walk(io: Io, env: Io["env"], { description, redis }: Started): Promise<void> {
  const { token_endpoint, api_url, client_id, audience } = description;
  const user = description.users[0]?.user_id ?? "";
  let number = 0;
  const step = (title: string) => io.stdout(`\n${++number}. ${title}\n`);
  const sent = (text: string) => io.stdout(`    sent  ${redactKeys(text)}\n`);
  const got = (text: string) =>
    io.stdout(`     got  ${redactKeys(text).trim().replaceAll("\n", "\n          ")}\n`);
  const keys = async (argv: readonly string[]) => {
    sent(`npm run keys -- ${argv.map((word) => (/[ |]/.test(word) ? `'${word}'` : word)).join(" ")}`);
    const printed = await run(process.execPath, ["--import", "tsx", "scripts/keys.ts", ...argv], env);
    expectThat(printed.code === 0, "the keys CLI ends with 0", printed.stderr);
    return printed;
  };
  const exchange = async (key: string, scope: string) => {
    const fields = {
      grant_type: TOKEN_EXCHANGE,
      subject_token_type: description.subject_token_type,
      client_id,
      audience,
      scope,
    };
    const data = Object.entries(fields).flatMap(([name, value]) => ["-d", `${name}=${value}`]);
    sent(
      `printf %s ${key} | curl ${token_endpoint} -d grant_type=…:token-exchange -d scope="${scope}" --data-urlencode subject_token@-`,
    );
    // On standard input: whoever lists processes sees their arguments.
    const { stdout, stderr } = await run(
      "curl",
      ["-sS", token_endpoint, ...data, "--data-urlencode", "subject_token@-"],
      env,
      key,
    );
    expectThat(stdout.startsWith("{"), "the token endpoint answers", stderr);
    return JSON.parse(stdout) as {
      readonly access_token?: string;
      readonly error?: string;
      readonly error_description?: string;
    };
  };
  const call = async (method: string, path: string, token: string) => {
    sent(`${method} ${api_url}${path}   Authorization: Bearer <access token>`);
    const response = await fetch(api_url + path, { method, headers: { authorization: `Bearer ${token}` } });
    got(
      `${response.status} ${response.ok ? await response.text() : (response.headers.get("www-authenticate") ?? "")}`,
    );
    return response.status;
  };

  step("A local tenant runs: Auth0 and Upstash as far as API keys need them");
  got(`issuer ${description.issuer}   Redis ${redis.name}   user ${user}`);
  sent("npm run keys -- init --local");
  await runKeys(["init", "--local"], { ...io, env, stdout: got });

  step("The user gets an API key that may only read");
  const made = await keys(["create", "--local", "--user", user, "--name", "demo", "--scope", "read:things"]);
  const key = made.stdout.trim();
  got(key);

  step("The key is exchanged for an access token, with nothing but curl");
  const { access_token = "" } = await exchange(key, "read:things");
  expectThat(access_token !== "", "an access token is issued", "");
  const claims = Buffer.from(access_token.split(".")[1] ?? "", "base64url").toString("utf8");
  got(`access_token with the claims ${claims}`);
  expectThat((JSON.parse(claims) as { sub: string }).sub === user, "its sub is the user", claims);

  step("An API that knows nothing of API keys takes the token; what the key may not do is refused");
  expectThat((await call("GET", "/me", access_token)) === 200, "the API knows the user", "");
  expectThat((await call("GET", "/things", access_token)) === 200, "the API lets the user read", "");
  expectThat((await call("POST", "/things", access_token)) === 403, "the API does not let the key write", "");

  step("A scope that the key does not have, and a mistyped key");
  const tooMuch = await exchange(key, "read:things write:things");
  got(`${tooMuch.error}: ${tooMuch.error_description}`);
  expectThat(tooMuch.error === "invalid_scope", "the scope is refused", "");
  const mistyped = await exchange(key.slice(0, -1) + (key.endsWith("0") ? "1" : "0"), "read:things");
  got(`${mistyped.error}: ${mistyped.error_description}`);
  expectThat(mistyped.error === "invalid_request", "the mistyped key is refused", "");

  step("The key is revoked, and the next exchange is refused");
  const id = inspectKey(key)?.id ?? "";
  got((await keys(["revoke", id, "--local", "--user", user, "--reason", "end of the demo"])).stdout);
  const refused = await exchange(key, "read:things");
  got(`${refused.error}: ${refused.error_description}`);
  expectThat(refused.error === "invalid_request", "the revoked key is refused", "");
  got((await keys(["list", "--local", "--user", user])).stdout);
}

function expectThat(isTrue: boolean, what: string, detail: string): void {
  if (!isTrue) throw new Error(`The demo expected that ${what}. ${redactKeys(detail)}`);
}

async function run(command: string, argv: readonly string[], env: Io["env"], stdin = ""): Promise<Printed> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, argv, { env });
    const texts = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk) => (texts.stdout += String(chunk)));
    child.stderr.on("data", (chunk) => (texts.stderr += String(chunk)));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...texts }));
    child.stdin.end(stdin);
  });
}
