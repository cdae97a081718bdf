import type { DeploymentId } from "../core/deployment.ts";
import { ApiKeysError } from "../core/errors.ts";
import type { Reached, StoreFacts } from "../stores/examine-store.ts";
import type { Finding } from "./finding.ts";

const STANDARD = "UPSTASH_REDIS_REST_TOKEN";

/** What is wrong with a Redis database and the two tokens to it. Pure; both `doctor` and `apply` go by it. */
export function storeFindings(facts: StoreFacts, deployment: DeploymentId, lastUsed: boolean): Finding[] {
  const actionToken = lastUsed ? STANDARD : "UPSTASH_REDIS_REST_READ_ONLY_TOKEN";
  const findings: Finding[] = [];
  const error = (what: string, fix: string) => findings.push({ level: "error", what, fix });
  const unreached = (reached: Reached, token: string, whose: string) => {
    const said: Partial<Record<Reached, readonly [string, string]>> = {
      wrong_token: [
        `${whose} is not accepted by the Redis database: a wrong token, or that of another database.`,
        `Copy ${token} again from the Upstash console, without quotes.`,
      ],
      not_permitted: [
        `${whose} may not read keys in the Redis database.`,
        `Set ${token} to a token that may use MGET on apikey*.`,
      ],
      unreachable: [
        "The Redis database does not answer.",
        "Check UPSTASH_REDIS_REST_URL, and that the database is up.",
      ],
    };
    const found = said[reached];
    if (found) error(...found);
  };
  unreached(facts.standard, STANDARD, "The token that keys are made with");
  if (facts.action !== facts.standard || actionToken !== STANDARD) {
    if (facts.action !== "unreachable" || facts.standard !== "unreachable")
      unreached(facts.action, actionToken, "The token that the Action gets");
  }
  const isSeen = facts.standard === "reached" && facts.action === "reached";
  if (isSeen && !facts.isSame) {
    error(
      "The Action's token does not see the store's marker as it is: it is of another database, or of a replica that is behind.",
      `Set ${actionToken} to a token of the same database, or try again.`,
    );
  }
  if (facts.standard === "reached" && facts.standardWrites !== "reached") {
    error(
      "The token that keys are made with cannot write.",
      `Set ${STANDARD} to the database's standard token, not to the read-only one.`,
    );
  }
  if (facts.marker === "foreign") {
    const ours = `deployment ${deployment.name} of ${deployment.tenant}`;
    const isOurs = facts.claim === ours;
    error(
      isOurs
        ? "The Redis database was marked with a pepper that is not held here."
        : `The Redis database is marked as that of ${facts.claim ?? "another deployment"}, and this is ${ours}.`,
      isOurs
        ? "Correct API_KEY_PEPPER: a new one would end every key."
        : "Check UPSTASH_REDIS_REST_URL, and the name of the deployment.",
    );
  }
  if (isSeen && !lastUsed && facts.actionWrites === "reached") {
    findings.push({
      level: "warning",
      what: "The Action's Redis token can write, and it only reads.",
      fix: `Set ${actionToken} to the read-only token, then apply.`,
    });
  }
  if (isSeen && lastUsed && facts.actionWrites !== "reached") {
    findings.push({
      level: "warning",
      what: "The Action's Redis token cannot write: no last use of a key is noted.",
      fix: `Set ${actionToken} to the standard token, then apply; or set lastUsed: false.`,
    });
  }
  return findings;
}

/** What a plan says of the database: what apply would refuse, and that it is another one than the deployed Action's. */
export function storeCaveats(
  facts: StoreFacts,
  deployment: DeploymentId,
  lastUsed: boolean,
  isStoreNew: boolean,
): readonly string[] {
  // Who may only plan need not hold the token that can write.
  const refused = storeFindings({ ...facts, standardWrites: "reached" }, deployment, lastUsed)
    .filter(({ level }) => level === "error")
    .map(({ what }) => `apply would refuse: ${what}`);
  const moved =
    facts.marker === "missing"
      ? "another Redis database, and an empty one: apply would refuse, since every key would be."
      : "another Redis database than the deployed Action looks keys up in.";
  return isStoreNew ? [...refused, moved] : refused;
}

/** Throws `store_unmarked` for a new, empty database in the place of one that has keys: each would be refused. */
export function refuseUnfilled({ marker }: StoreFacts, isStoreNew: boolean): void {
  if (!isStoreNew || marker !== "missing") return;
  throw new ApiKeysError(
    "store_unmarked",
    "The Redis database is another one than the deployed Action looks keys up in, and it is empty: every key would be refused.",
    "Nothing was changed. Correct UPSTASH_REDIS_REST_URL; or fill the new one first: npm run keys -- reconcile --fix",
  );
}

/** Throws `store_unreadable` with the first thing that would keep exchanges from working, or `store_foreign`. */
export function refuseUnreadable(facts: StoreFacts, deployment: DeploymentId, lastUsed: boolean): void {
  const first = storeFindings(facts, deployment, lastUsed).find(({ level }) => level === "error");
  if (!first) return;
  const code = facts.marker === "foreign" ? "store_foreign" : "store_unreadable";
  throw new ApiKeysError(code, first.what, `Nothing was changed. ${first.fix}`);
}
