const CONTROL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;

/**
 * A text as it may be printed for people: what would move a terminal's cursor, colour it, or turn the direction of writing is
 * shown by its number. Whoever can write to Redis or to `app_metadata` must not write to an operator's screen.
 */
export function printable(text: string): string {
  return text.replace(CONTROL, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Lines as they may be printed: their ends stay. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}
