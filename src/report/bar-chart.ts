import { scaleOf, tickText } from "./scale.ts";
import { colour, element, legend, picture, rounded, text } from "./svg.ts";

/** Bars that lie, in groups: one bar a series in each group. */
export interface BarChart {
  readonly title: string;
  /** What the numbers are, with their unit. */
  readonly axis: string;
  readonly series: readonly string[];
  /** A value a series, in their order; `undefined` where there is none. */
  readonly groups: readonly { readonly label: string; readonly values: readonly (number | undefined)[] }[];
  readonly isLog?: boolean;
  /** A line across all bars: a target, or a limit. */
  readonly mark?: { readonly value: number; readonly label: string };
}

const WIDTH = 760;
const BAR = 16;
const RIGHT = 90;

/** Draws a bar chart as SVG. */
export function barChart({ title, axis, series, groups, isLog = false, mark }: BarChart): string {
  const left = 40 + 7 * Math.max(...groups.map(({ label }) => label.length));
  const top = series.length > 1 ? 72 : 52;
  const groupHeight = BAR * series.length + 14;
  const bottom = top + groupHeight * groups.length;
  const values = groups.flatMap((group) => group.values.filter((value) => value !== undefined));
  const scale = scaleOf([...values, ...(mark ? [mark.value] : [])], isLog);
  const x = (value: number) => rounded(left + scale.place(value) * (WIDTH - left - RIGHT));
  const grid = scale.ticks.flatMap((tick) => [
    element("line", { x1: x(tick), y1: top - 4, x2: x(tick), y2: bottom, stroke: "#e8ebf0" }),
    text(x(tick), bottom + 18, tickText(tick), { "text-anchor": "middle", "font-size": 11, fill: "#5b6573" }),
  ]);
  const bars = groups.flatMap(({ label, values: ofGroup }, group) => {
    const groupTop = top + groupHeight * group + 6;
    const middle = groupTop + (BAR * series.length) / 2 + 4;
    return [
      text(left - 12, middle, label, { "text-anchor": "end" }),
      ...ofGroup.flatMap((value, at) => {
        if (value === undefined) return [];
        const y = groupTop + BAR * at;
        const width = Math.max(1, rounded(x(value) - left));
        return [
          element("rect", { x: left, y, width, height: BAR - 3, rx: 2, fill: colour(at) }),
          text(left + width + 6, y + 11, tickText(Number(value.toPrecision(3))), { "font-size": 11 }),
        ];
      }),
    ];
  });
  return picture(title, WIDTH, bottom + 52, [
    ...(series.length > 1 ? legend(series, 20, 56) : []),
    ...grid,
    ...bars,
    ...(mark
      ? [
          element("line", {
            x1: x(mark.value),
            y1: top - 4,
            x2: x(mark.value),
            y2: bottom,
            stroke: "#c2334d",
            "stroke-dasharray": "4 3",
          }),
          text(x(mark.value) + 5, top + 4, mark.label, { "font-size": 11, fill: "#c2334d" }),
        ]
      : []),
    text((left + WIDTH - RIGHT) / 2, bottom + 40, axis, {
      "text-anchor": "middle",
      "font-size": 12,
      fill: "#5b6573",
    }),
  ]);
}
