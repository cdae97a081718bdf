const CONTROL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/gu;

/** Returns a terminal's cursor to the beginning of its line, and clears that: how progress is shown. */
export const REWRITE_LINE = "\r\u001B[K";

/**
 * A text as it may be printed: what would move a terminal's cursor, colour it, or turn the direction of writing is shown
 * by its number, as JSON writes it. Whoever can write to Redis or to `app_metadata` must not write to an operator's screen.
 */
export function printable(text: string): string {
  return text.replace(CONTROL, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Lines as they may be printed: their ends stay, and so does what rewrites a line. */
export function printableLines(text: string): string {
  const isRewriting = text.startsWith(REWRITE_LINE);
  const lines = isRewriting ? text.slice(REWRITE_LINE.length) : text;
  return (isRewriting ? REWRITE_LINE : "") + lines.split("\n").map(printable).join("\n");
}
