/** The colours of a chart's series, in their order: told apart by people who do not see red and green apart as well. */
const COLOURS = ["#0b5fff", "#e07b00", "#0a8f6a", "#9a3fb5", "#5b6573", "#c2334d"] as const;

/** An element with its attributes; what is between its tags must be markup, or text from {@link text}. */
export function element(name: string, attributes: object, children: readonly string[] = []): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escape(String(value))}"`);
  return children.length === 0
    ? `<${name}${written.join("")}/>`
    : `<${name}${written.join("")}>${children.join("")}</${name}>`;
}

/** A line of text at a place. */
export function text(x: number, y: number, words: string, attributes: object = {}): string {
  return element("text", { x: rounded(x), y: rounded(y), ...attributes }, [escape(words)]);
}

/** A picture on a background of its own, so that it is read on a dark page as well, with a title for who hears it. */
export function picture(title: string, width: number, height: number, parts: readonly string[]): string {
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${width} ${rounded(height)}`,
    width,
    height: rounded(height),
    role: "img",
    "font-family": "ui-sans-serif, system-ui, Helvetica, Arial, sans-serif",
    "font-size": 13,
    fill: "#1c2430",
  };
  const card = { x: 0.5, y: 0.5, width: width - 1, height: rounded(height - 1), rx: 10 };
  return `${element("svg", attributes, [
    `\n${element("title", {}, [escape(title)])}`,
    element("rect", { ...card, fill: "#ffffff", stroke: "#d6dbe3" }),
    text(20, 32, title, { "font-size": 16, "font-weight": 600 }),
    ...parts,
  ]).replaceAll("><", ">\n<")}\n`;
}

/** The names of the series with their colours, in a row. */
export function legend(names: readonly string[], x: number, y: number): readonly string[] {
  let at = x;
  return names.flatMap((name, index) => {
    const startsAt = at;
    at += 44 + name.length * 7;
    return [
      element("rect", { x: startsAt, y: y - 10, width: 12, height: 12, rx: 2, fill: colour(index) }),
      text(startsAt + 18, y, name, { "font-size": 12 }),
    ];
  });
}

export function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? COLOURS[0];
}

/** To a tenth: more is not seen. */
export function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(words: string): string {
  return words
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
