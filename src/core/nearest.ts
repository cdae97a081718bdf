/** The candidate that differs least from a name, if it is by less than half of it. */
export function nearestOf(name: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates.map((one) => ({ one, by: distance(name.toLowerCase(), one.toLowerCase()) }));
  const [best] = ranked.toSorted((a, b) => a.by - b.by);
  return best && best.by < Math.max(2, name.length / 2) ? best.one : undefined;
}

/** How many letters must be changed, added or taken away (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let at = 0; at < one.length; at++) {
    const next = [at + 1];
    for (let to = 1; to <= other.length; to++) {
      const changed = (row[to - 1] ?? 0) + (one[at] === other[to - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
