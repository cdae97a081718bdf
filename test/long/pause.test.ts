import { afterAll, beforeAll, expect, it } from "vitest";

import { openMeetings, type Meetings } from "../support/meetings.ts";
import { VERBS } from "../support/pause-verbs.ts";

/**
 * All pairs of verbs, at all requests, take many minutes: `PAUSE_WHOLE=1 npx vitest run test/long/pause.test.ts`. Without
 * it, each pair is stopped before every `PATCH`, and before one and every eighth of the other requests, always the same ones.
 * `PAUSE_SECOND=revoke,drop` runs these second verbs alone, and `-t` a first one, while something is being looked for.
 */
const IS_WHOLE = process.env["PAUSE_WHOLE"] !== undefined;
const SECOND = process.env["PAUSE_SECOND"]?.split(",");
const SAMPLED = 8;

let meetings: Meetings;
let total = 0;
beforeAll(async () => {
  meetings = await openMeetings();
});
afterAll(async () => {
  process.stderr.write(`${total} times a process was stopped\n`);
  await meetings.close();
});

/** Whether a meeting is part of the run: all of them, or always the same sample. */
function isWanted(at: number, requests: readonly string[], offset: number): boolean {
  const isOfAnyPair = at === offset % requests.length || requests[at]?.startsWith("PATCH") === true;
  return IS_WHOLE || isOfAnyPair || (at + offset) % SAMPLED === 0;
}

it.each(VERBS)(
  `$name stopped at its requests for longer than its lease, while each of ${VERBS.length} verbs runs to its end: nothing acknowledged is undone`,
  async (first) => {
    const broken: string[] = [];
    let count = 0;
    for (const [index, second] of VERBS.entries()) {
      if (SECOND?.includes(second.name) === false) continue;
      const requests = await meetings.requestsOf(first, second);
      let met = 0;
      for (let at = 0; ; at++) {
        if (!isWanted(at, requests, index)) continue;
        const found = await meetings.meet(first, second, at);
        if (!found) break;
        met++;
        for (const one of found) process.stderr.write(`${one}\n`);
        broken.push(...found);
      }
      expect(met, second.name).toBeGreaterThan(0);
      count += met;
    }
    total += count;
    process.stderr.write(`${first.name}: stopped ${count} times, ${broken.length} broken\n`);
    expect(broken).toEqual([]);
    if (SECOND === undefined) expect(count).toBeGreaterThanOrEqual(first.boundaries[IS_WHOLE ? 0 : 1]);
  },
  1_200_000,
);
