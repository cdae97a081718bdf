import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** A page of docs that a command writes: its text, its pictures, and the numbers that both were made of. */
export interface Page {
  /** Markdown. */
  readonly text: string;
  /** SVG, by the path beside the page: `charts/exchange.svg`. */
  readonly charts: Readonly<Record<string, string>>;
}

/** Writes a page, its pictures beside it, and its numbers into `<page>.json`, from which it can be written again. */
export async function writePage(path: string, { text, charts }: Page, numbers: unknown): Promise<void> {
  const folder = dirname(path);
  for (const [name, svg] of Object.entries(charts)) {
    await mkdir(join(folder, dirname(name)), { recursive: true });
    await writeFile(join(folder, name), svg);
  }
  await writeFile(join(folder, numbersOf(path)), `${JSON.stringify(numbers, undefined, 2)}\n`);
  await writeFile(path, text);
}

/** The name of the file with a page's numbers, beside it. */
export function numbersOf(path: string): string {
  return `${basename(path, ".md").toLowerCase()}.json`;
}

/** A table of Markdown; columns of numbers are set to the right, the first never is. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, at) =>
    Math.max(3, cell.length, ...rows.map((row) => (row[at] ?? "").length)),
  );
  const isNumbers = head.map((_, at) => at > 0 && rows.every((row) => /^[\d<–—-]/.test(row[at] ?? "")));
  const line = (row: readonly string[]) =>
    `| ${head.map((_, at) => (isNumbers[at] ? (row[at] ?? "").padStart(widths[at] ?? 0) : (row[at] ?? "").padEnd(widths[at] ?? 0))).join(" | ")} |\n`;
  const rule = widths.map((width, at) => (isNumbers[at] ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  return `${line(head)}| ${rule.join(" | ")} |\n${rows.map(line).join("")}`;
}
