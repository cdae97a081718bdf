import { scaleOf, tickText } from "./scale.ts";
import { colour, element, legend, picture, rounded, text } from "./svg.ts";

/** Lines over an axis that begins at `from`. */
export interface LineChart {
  readonly title: string;
  /** What lies along, and what stands up, with their units. */
  readonly x: { readonly label: string; readonly from: number; readonly to: number };
  readonly y: { readonly label: string; readonly isLog?: boolean };
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (readonly [x: number, y: number])[];
  }[];
  readonly mark?: { readonly value: number; readonly label: string };
}

const WIDTH = 760;
const HEIGHT = 380;
const LEFT = 76;
const RIGHT = 24;
const TOP = 76;
const BOTTOM = HEIGHT - 58;

/** Draws a line chart as SVG. */
export function lineChart({ title, x, y, series, mark }: LineChart): string {
  const values = series.flatMap(({ points }) => points.map(([, value]) => value));
  const scale = scaleOf([...values, ...(mark ? [mark.value] : [])], y.isLog);
  const placeX = (value: number) =>
    rounded(LEFT + ((value - x.from) / (x.to - x.from)) * (WIDTH - LEFT - RIGHT));
  const placeY = (value: number) => rounded(BOTTOM - scale.place(value) * (BOTTOM - TOP));
  const across = (value: number, attributes: object) =>
    element("line", { x1: LEFT, y1: placeY(value), x2: WIDTH - RIGHT, y2: placeY(value), ...attributes });
  const small = { "font-size": 11, fill: "#5b6573" };
  const middle = (TOP + BOTTOM) / 2;
  const xTicks = scaleOf([x.to - x.from])
    .ticks.map((tick) => x.from + tick)
    .filter((tick) => tick <= x.to);
  return picture(title, WIDTH, HEIGHT, [
    ...legend(
      series.map(({ name }) => name),
      20,
      56,
    ),
    ...scale.ticks.flatMap((tick) => [
      across(tick, { stroke: "#e8ebf0" }),
      text(LEFT - 8, placeY(tick) + 4, tickText(tick), { "text-anchor": "end", ...small }),
    ]),
    ...xTicks.map((tick) =>
      text(placeX(tick), BOTTOM + 18, tickText(tick), { "text-anchor": "middle", ...small }),
    ),
    ...series.map(({ points }, at) =>
      element("polyline", {
        points: points.map(([along, up]) => `${placeX(along)},${placeY(up)}`).join(" "),
        fill: "none",
        stroke: colour(at),
        "stroke-width": 2,
        "stroke-linejoin": "round",
      }),
    ),
    ...(mark
      ? [
          across(mark.value, { stroke: "#c2334d", "stroke-dasharray": "4 3" }),
          text(WIDTH - RIGHT, placeY(mark.value) - 6, mark.label, {
            "text-anchor": "end",
            "font-size": 11,
            fill: "#c2334d",
          }),
        ]
      : []),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, x.label, {
      "text-anchor": "middle",
      "font-size": 12,
      fill: "#5b6573",
    }),
    text(20, middle, y.label, {
      "text-anchor": "middle",
      "font-size": 12,
      fill: "#5b6573",
      transform: `rotate(-90 20 ${middle})`,
    }),
  ]);
}
