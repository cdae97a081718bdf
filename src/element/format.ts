const DAY_MS = 86_400_000;
const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 365 * DAY_MS],
  ["month", 30 * DAY_MS],
  ["day", DAY_MS],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** A moment as people say it: in 3 days, 2 hours ago. */
export function relative(time: string, nowMs: number, locale: string | undefined): string {
  const ms = Date.parse(time) - nowMs;
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const [unit, size] = UNITS.find(([, size]) => Math.abs(ms) >= size) ?? (["second", 1_000] as const);
  if (unit === "second") return format.format(0, "second");
  return format.format(Math.round(ms / size), unit);
}

/** A moment in full, for the title of a relative one. */
export function absolute(time: string, locale: string | undefined): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(time));
}

/** Whether a key ends within a week. */
export function isNear(time: string, nowMs: number): boolean {
  const ms = Date.parse(time) - nowMs;
  return ms > 0 && ms < 7 * DAY_MS;
}
