import type { Page } from "../report/page.ts";
import { blowsChart, capacityChart, revocationChart, waitingChart } from "./scale-charts.ts";
import {
  addressesTable,
  blowsTable,
  capacityTable,
  count,
  cronTable,
  endedKeysTable,
  newcomersTable,
  revocationTable,
  runsTable,
  seconds,
  waitingTable,
} from "./scale-tables.ts";
import { ENDED_KEYS, POLL_MS } from "./scenarios/ended-keys.ts";
import { REPLICA_LAG_MS } from "./scenarios/revocation.ts";
import { PLANNED_LOAD } from "./scenarios/run.ts";
import type { Scale } from "./simulate.ts";

const UPSTASH_COMMANDS_PER_SECOND = 10_000;

/** docs/SCALE.md, of the numbers of one run. */
export function scalePage(scale: Scale): Page {
  const commandsPerUse = commandsPerUseOf(scale);
  return {
    charts: {
      "charts/scale-waiting.svg": waitingChart(scale),
      "charts/scale-keys.svg": capacityChart(scale),
      "charts/scale-loss.svg": blowsChart(scale),
      "charts/scale-revocation.svg": revocationChart(scale),
    },
    text: `# How far it scales

Written by \`npm run simulate -- --write\` (seed ${scale.seed}): a model of a tenant, not a measurement of Auth0, on
which none of this has been run. The client in it is the library itself, \`src/client\`, with the model's time, its
\`fetch\` and its Redis; the tenant's two limits are those of the local tenant. The same seed gives the same page, in half an hour.

| in the model                   |                                                                                                    |
| ------------------------------ | -------------------------------------------------------------------------------------------------- |
| Auth0                          | 4 (Professional) or 15 (Enterprise) exchanges a second, as many at once, else 429 with \`Retry-After: 1\` |
| an exchange                    | takes 100 ms, and some more at random, 50 ms on average                                            |
| Redis                          | answers in 1 ms, from one region, unless a table says otherwise                                    |
| keys                           | are used 10 times a day on average, the key of rank \`r\` in proportion to \`1 / r\` (Zipf), all day alike |
| processes                      | 8, with the library's defaults; each call goes to any of them                                      |
| a wait                         | is that of a call which needed an exchange; all others have their token at hand                    |

Not in it: lost answers and time-outs (test/long/fleet.test.ts has those), other limits of Auth0, days that are busier
than nights. What is "on paper" is counted without a model: a cache makes an exchange with the first use of a key, and
the next with the first use after the token is due.

## What follows

- **Give tokens a day** (\`token_lifetime\` of the API, 86,400 s) **and use the kill switch** where a revoked key must not
  live on: keys per plan grow with the lifetime, and the kill switch makes revocations fast again.
- **Plan with ${PLANNED_LOAD * 100} percent of the limit.** Up to there, waits stay short; beyond, they grow fast.
- **Share tokens.** Eight processes with their memories alone make an exchange each for a key that all of them see.
- **Keep every token in memory too**, where it fits: \`maxEntries\` of the token source above the number of
  keys in use. Then a lost Redis is put together again from the processes, while callers
  wait: give them 30 seconds (\`waitBudgetMs\`) where you can. Without, keep Redis durable.
- **Spread jobs.** A full hour at which hundreds of jobs start is a queue at Auth0: \`sleep $((RANDOM % 600))\` first. Or let
  them wait, \`auth0-api-keys token --wait 300\`: then all get through that the tenant can grant a token in that time.
- **Forward addresses** (\`forwardClientAddress: true\`) or put the gateway's address on the tenant's allowlist: otherwise
  one customer's wrong keys block all.
- The library refreshes between 85 and 95 percent of a token's usable time, at a point that each process draws for
  itself, and lets callers without a token go before refreshes. Earlier would cost keys, a percent for a percent; later
  would leave less time for an Auth0 that is down.

## The nearer the limit, the longer the wait

Tokens of an hour, 3 hours. The last two rows are other fleets.

![Waits by load](charts/scale-waiting.svg)

${waitingTable(scale)}
## How many keys a plan carries

Keys in use a day, at ${PLANNED_LOAD * 100} percent of the limit, on paper:

![Keys in use a day](charts/scale-keys.svg)

${capacityTable(scale)}
Some of these, run; and ten million keys of which most sleep. "Of paper" is what the exchanges are as a part of what they
were to be:

${runsTable(scale)}
## When something is lost

Tokens of a day, one Redis, 4 exchanges a second; what becomes of the calls of the next hour:

![Failed calls after a loss](charts/scale-loss.svg)

${blowsTable(scale)}
What cannot be done: every token that is nowhere any more needs an exchange, and the plan grants
${count(4 * 3600)} an hour. Where calls with keys that have no token come faster than that for longer than they wait
(${seconds(20_000)}, \`waitBudgetMs\`), some fail, whatever the client does, until all keys in use have a token again: for
300,000 keys, 21 hours. A longer wait moves that point, and does not remove it. So where that many keys are in use, their
tokens must not be in one place alone.

## Jobs at the full hour

Each job has its own key and its own machine, and starts at the full hour, or some time after it that it draws at random. Of the
third day, at 4 exchanges a second:

${cronTable(scale)}
${longQueue(scale)}
## How long a revoked key lives on

Replicas of Redis follow ${seconds(REPLICA_LAG_MS)} late on average, which is assumed: Upstash gives no number. Keys are in
use all the time.

![From a revocation to the last call](charts/scale-revocation.svg)

${revocationTable(scale)}
## Behind one address

A gateway with 2,000 customers and 8 processes behind one address, tokens of an hour, 3 hours. Auth0 counts wrong keys by
address: 10, and one more every 10 minutes.

${addressesTable(scale)}
## New keys in another region

A key a minute for a day, used through a gateway whose replica may not know it yet. Such a call is refused like a wrong
key, the gateway repeats the refusal for 30 seconds, and Auth0 counts it:

${newcomersTable(scale)}
Let the record be read where it was written, or wait some seconds before a new key is shown.

## Ended keys that go on being used

${count(ENDED_KEYS)} keys that were revoked poll every ${seconds(POLL_MS)} through one process at 4 exchanges a second, which repeats their refusals and
asks for them after all others. Then, for a minute, one new good key a second comes; each needs an exchange:

${endedKeysTable(scale)}
The same against the local tenant, where the Actions answer, with the limits of Professional
(\`test/simulate/ended-keys-local.test.ts\`): with a kill switch 60 of 60 are answered and no exchange goes to an ended
key; without one 57 of 60 are answered beside 185 such exchanges at first, 60 of 60 beside 180 after a minute, and 60 of 60
beside none after 10 minutes.

## The next limits

| limit                                    | where it is reached                                                                                   |
| ---------------------------------------- | ----------------------------------------------------------------------------------------------------- |
| exchanges a second: 4, 15                | the tables above; a private cloud grants 15 to 1,500, and keys grow in proportion                      |
| Upstash: 10,000 commands a second        | the token cache takes ${commandsPerUse.toFixed(1)} commands a use: ${count(UPSTASH_COMMANDS_PER_SECOND / commandsPerUse)} uses a second; the Action takes one an exchange |
| Auth0: 250 Actions at a time in a tenant | beyond 1,600 exchanges a second at 0.15 s each: never first                                            |
| the memory of a process                  | 10,000 tokens by default; above it, a use costs a look into Redis                                      |
`,
  };
}

/** What becomes of the most jobs that start in the same second, keep nothing and have time. */
function longQueue({ cron }: Scale): string {
  const rows = cron.filter(({ design, spread_seconds }) => design === "none" && spread_seconds === 0);
  const most = rows.toSorted(
    (one, other) => other.wait_seconds - one.wait_seconds || other.jobs - one.jobs,
  )[0];
  if (!most) return "";
  // 4 at once, and 4 a second from then on.
  const atBestMs = Math.max(0, (most.jobs - 4) / 4) * 1_000;
  return `Those that wait are refused together, and come back one by one: of ${count(most.jobs)} that start in the same second and wait up
to ${most.wait_seconds} s, ${count((most.runs - most.failed) / (most.runs / most.jobs))} get their token, 99 percent of them within ${seconds(most.p99_wait_ms)}. The tenant grants as many in ${seconds(atBestMs)} at best.
`;
}

/** Commands of the token cache for a use, in the run with the most keys. */
function commandsPerUseOf({ capacity_runs }: Scale): number {
  const runs = capacity_runs.filter(({ design }) => design === "redis");
  const most = runs.toSorted((one, other) => other.calls - one.calls)[0];
  return most ? most.redis_commands / most.calls : 1;
}
