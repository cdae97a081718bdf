/** The lines of a text that comes in pieces, without their ends; the last one too, if only it is not empty. */
export async function* linesOf(pieces: AsyncIterable<unknown>): AsyncIterable<string> {
  let rest = "";
  for await (const piece of pieces) {
    const lines = `${rest}${String(piece)}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}
