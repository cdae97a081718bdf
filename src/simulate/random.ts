/** Random numbers from 0 up to 1, the same from the same seed. */
export type Random = () => number;

/** A generator of its own for each seed: xorshift128, which is good enough for arrivals, and no secret. */
export function seededRandom(seed: number): Random {
  let [a, b, c, d] = [seed ^ 0x9e3779b9, seed ^ 0x243f6a88, seed ^ 0xb7e15162, seed | 1];
  const next = () => {
    const mixed = d ^ (d << 11);
    [d, c, b] = [c, b, a];
    a = a ^ (a >>> 19) ^ mixed ^ (mixed >>> 8);
    return (a >>> 0) / 2 ** 32;
  };
  // The first numbers still look like the seed.
  for (let at = 0; at < 20; at++) next();
  return next;
}

/** A random time between two events that come at random, `mean` on average. */
export function exponential(random: Random, mean: number): number {
  return -Math.log(1 - random()) * mean;
}

/** Random bytes for keys of the model: the same for the same number. */
export function bytesOf(seed: number): (size: number) => Uint8Array {
  const random = seededRandom(seed);
  return (size) => Uint8Array.from({ length: size }, () => Math.floor(random() * 256));
}
