/** Places numbers on an axis: from 0 to 1 between its two ends. */
export interface Scale {
  place(value: number): number;
  /** The numbers to write beside the axis. */
  readonly ticks: readonly number[];
}

// An axis has a length, whatever is on it.
const LEAST = 1e-6;

/** An axis from zero to a round number above the greatest value, or, where `isLog`, over whole powers of ten. */
export function scaleOf(values: readonly number[], isLog = false): Scale {
  const greatest = Math.max(...values, LEAST);
  return isLog ? logarithmic(values, greatest) : linear(greatest);
}

function linear(greatest: number): Scale {
  const power = 10 ** Math.floor(Math.log10(greatest));
  const step = [0.2, 0.5, 1, 2].map((part) => part * power).find((one) => greatest / one <= 5) ?? 2 * power;
  const steps = Math.ceil(greatest / step - 1e-9);
  const ticks = Array.from({ length: steps + 1 }, (_, at) => Number((at * step).toPrecision(6)));
  return { ticks, place: (value) => value / (steps * step) };
}

function logarithmic(values: readonly number[], greatest: number): Scale {
  const least = Math.min(...values.filter((value) => value > 0), greatest);
  const from = Math.floor(Math.log10(least));
  const to = Math.max(from + 1, Math.ceil(Math.log10(greatest) - 1e-9));
  const ticks = Array.from({ length: to - from + 1 }, (_, at) => Number((10 ** (from + at)).toPrecision(6)));
  const place = (value: number) => (value <= 0 ? 0 : Math.max(0, (Math.log10(value) - from) / (to - from)));
  return { ticks, place };
}

/** A number as it is written beside an axis: 1,500 or 0.25. */
export function tickText(value: number): string {
  return value >= 1_000_000
    ? `${value / 1_000_000} M`
    : value.toLocaleString("en-US", { maximumFractionDigits: 4 });
}
