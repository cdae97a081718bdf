import { expect, test } from "vitest";

import { exponential, seededRandom } from "../../src/simulate/random.ts";
import { Zipf } from "../../src/simulate/zipf.ts";

test.each([
  [10, 1],
  [1_000, 1],
  [1_000, 0.8],
  [1_000, 1.3],
  [50, 0],
])("of %i keys and exponent %f each rank comes as often as the law says", (keys, exponent) => {
  const weights = Array.from({ length: keys }, (_, at) => (at + 1) ** -exponent);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const seen = new Uint32Array(keys + 1);
  const [zipf, random, draws] = [new Zipf(keys, exponent), seededRandom(7), 200_000];
  for (let draw = 0; draw < draws; draw++) seen[zipf.sample(random)]! += 1;
  // Five standard deviations: the seed is fixed, and the law would have to be wrong for one of them to be outside.
  for (const [at, weight] of weights.entries()) {
    const expected = (draws * weight) / total;
    expect(Math.abs(seen[at + 1]! - expected)).toBeLessThanOrEqual(5 * Math.sqrt(expected) + 1);
  }
  expect(seen[0]).toBe(0);
});

test("sums over ten million keys are those of the whole series, to a ten-thousandth", () => {
  const zipf = new Zipf(10_000_000, 1);
  // The harmonic number by its known expansion.
  const harmonic = Math.log(1e7) + 0.577_215_664_9 + 1 / 2e7;
  expect(zipf.parts()(1)).toBeCloseTo(1 / harmonic, 5);
  expect(zipf.sumOf((part) => part)).toBeCloseTo(1, 6);
  let squares = 0;
  for (let rank = 1; rank <= 1e6; rank++) squares += rank ** -2;
  expect(zipf.sumOf((part) => part ** 2)).toBeCloseTo(squares / harmonic ** 2, 6);
});

test("random numbers are those of their seed, spread alike, and waits have their mean", () => {
  const numbers = (seed: number) => Array.from({ length: 50_000 }, seededRandom(seed));
  expect(numbers(3)).toEqual(numbers(3));
  expect(numbers(3)).not.toEqual(numbers(4));
  const tenths = new Uint32Array(10);
  for (const number of numbers(5)) tenths[Math.floor(number * 10)]! += 1;
  for (const tenth of tenths) expect(Math.abs(tenth - 5_000)).toBeLessThan(350);
  const random = seededRandom(6);
  const waits = Array.from({ length: 50_000 }, () => exponential(random, 40));
  expect(waits.reduce((sum, wait) => sum + wait, 0) / waits.length).toBeCloseTo(40, -0.5);
});
