import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Effect } from "../../src/deploy/change.ts";
import { newClock } from "../support/clock.ts";
import { COLUMNS, Table, type Case, type Command, type Row } from "./support/change-cell.ts";
import { ROWS_OF_ACTIONS } from "./support/rows-of-actions.ts";
import { ROWS_OF_APIS } from "./support/rows-of-apis.ts";
import { ROWS_OF_CLIENTS } from "./support/rows-of-clients.ts";
import { ROWS_OF_PRUNE } from "./support/rows-of-prune.ts";
import { rowsOfRemoval } from "./support/rows-of-removal.ts";
import { ROWS_OF_ROLLBACK_OF_ACTIONS } from "./support/rows-of-rollback-of-actions.ts";
import { ROWS_OF_ROLLBACK } from "./support/rows-of-rollback.ts";

/** Every effect of a plan with the commands that plan it. A new one does not compile until it has its rows. */
const PLANNED_BY: Readonly<Record<Effect["kind"], readonly Command[]>> = {
  create_api: ["apply", "rollback"],
  update_api: ["apply", "apply --prune", "rollback", "destroy"],
  delete_api: ["apply --prune", "rollback", "destroy"],
  create_action: ["apply"],
  update_action: ["apply"],
  deploy_version: ["rollback"],
  delete_action: ["rollback", "destroy"],
  bind: ["apply", "rollback"],
  unbind: ["rollback", "destroy"],
  create_profile: ["apply", "rollback"],
  update_profile: ["apply", "rollback"],
  replace_profile: ["apply"],
  delete_profile: ["rollback", "destroy"],
  enable_client: ["apply", "rollback"],
  disable_client: ["apply --prune", "rollback", "destroy"],
  set_ip_throttling: ["apply", "apply --prune", "rollback", "destroy"],
};

const ROWS: readonly Row[] = [
  ...ROWS_OF_APIS,
  ...ROWS_OF_ACTIONS,
  ...ROWS_OF_CLIENTS,
  ...ROWS_OF_PRUNE,
  ...rowsOfRemoval("destroy"),
  ...rowsOfRemoval("rollback"),
  ...ROWS_OF_ROLLBACK_OF_ACTIONS,
  ...ROWS_OF_ROLLBACK,
];
const nameOf = ({ command, effect, form }: Row) => [command, effect, form].filter(Boolean).join(", ");

const casesOf = (row: Row): readonly (readonly [string, Row, Case])[] =>
  COLUMNS.flatMap((column) => {
    const cell = row.cells[column];
    if (typeof cell === "string") return [];
    const cases: readonly Case[] = "plans" in cell ? [cell] : cell;
    return cases.map(
      (one) => [one.called === undefined ? column : `${column}: ${one.called}`, row, one] as const,
    );
  });

const cells = ROWS.flatMap((row) => COLUMNS.map((column) => row.cells[column]));
const count = {
  rows: ROWS.length,
  cells: cells.filter((cell) => typeof cell !== "string").length,
  cases: ROWS.flatMap(casesOf).length,
  reasons: cells.filter((cell) => typeof cell === "string").length,
};

test(`the table has ${count.rows} rows, ${count.cells} cells with ${count.cases} cases, and ${count.reasons} that cannot be`, () => {
  expect(count).toEqual({ rows: 47, cells: 231, cases: 349, reasons: 51 });
  expect(count.cells + count.reasons).toBe(count.rows * COLUMNS.length);
  const names = ROWS.map(nameOf);
  expect(new Set(names).size).toBe(names.length);
});

test("each effect has a row for each command that plans it", () => {
  const pairs = (all: readonly (readonly [string, string])[]) =>
    [...new Set(all.map(([effect, command]) => `${effect}, ${command}`))].toSorted();
  const planned = Object.entries(PLANNED_BY).flatMap(([effect, commands]) =>
    commands.map((command) => [effect, command] as const),
  );
  expect(pairs(ROWS.map(({ effect, command }) => [effect, command]))).toEqual(pairs(planned));
  // And what a row is about is planned in it, not only refused.
  for (const row of ROWS) {
    const plans = casesOf(row).flatMap(([, , one]) => one.plans.split(" "));
    expect([nameOf(row), plans.includes(row.effect)]).toEqual([nameOf(row), true]);
  }
});

/** What the same command plans when it is run again, where a case says nothing else. */
const AGAIN: Readonly<Record<Command, string>> = {
  apply: "",
  "apply --prune": "",
  rollback: "!journal_missing",
  destroy: "!deployment_unknown",
};

let table: Table;
beforeAll(async () => {
  table = await Table.open(newClock());
});
afterAll(async () => {
  await table.close();
});

describe.each(ROWS.map((row) => [nameOf(row), row] as const))("%s", (_, row) => {
  test.each(casesOf(row))("%s", async (_, row, one) => {
    const { plans, says, ends, changes, again, mends } = await table.play(row, one);
    const isRefused = one.plans.startsWith("!");
    expect({ plans, ends, changes: changes.toSorted(), again, mends: mends?.toSorted() }).toEqual({
      plans: one.plans,
      ends: one.ends,
      changes: one.changes.toSorted(),
      again: one.again ?? (isRefused ? one.plans : AGAIN[row.command]),
      mends: one.mends?.toSorted(),
    });
    if (one.says) expect(says).toEqual(one.says.map((piece) => expect.stringContaining(piece) as string));
  });
});
