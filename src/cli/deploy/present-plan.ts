import type { Change } from "../../deploy/change.ts";
import type { Checked } from "../../deploy/finding.ts";
import { table } from "../table.ts";

/** A plan for people: a line a change, then its outage, then what is counted. No secret is in it. */
export function planText(changes: readonly Change[], caveats: readonly string[] = []): string {
  if (changes.length === 0 && caveats.length === 0) return "No changes.\n";
  const count = (sign: Change["sign"]) => changes.filter((change) => change.sign === sign).length;
  const outages = changes.flatMap(({ what, outage }) =>
    outage === undefined ? [] : [`! ${what}: ${outage}\n`],
  );
  return [
    table(changes.map(({ sign, what, why }) => [sign, what, why.join("; ")])),
    ...outages,
    ...caveats.map((caveat) => `! ${caveat}\n`),
    `${count("+")} to add, ${count("~")} to change, ${count("-")} to remove.\n`,
  ].join("");
}

/** A plan for programs. */
export function planJson(changes: readonly Change[], caveats: readonly string[] = []): object {
  const shown = changes.map(({ sign, what, why, outage }) => ({ sign, what, why, outage: outage ?? null }));
  return { changes: shown, caveats };
}

/** Checks for people: a line each with its result, and below it what was found. */
export function checksText(checks: readonly Checked[]): string {
  const lines = checks.map(({ check, result }) => [result, check]);
  const rows = table(lines).split("\n");
  return checks
    .map(({ findings }, at) => {
      const found = findings.map(({ level, what, fix, isMendedByApply }) => {
        const told = isMendedByApply ? `${level}, until apply` : level;
        return `    ${told}: ${what}\n${fix === "" ? "" : `      fix: ${fix}\n`}`;
      });
      return `${rows[at] ?? ""}\n${found.join("")}`;
    })
    .join("");
}
