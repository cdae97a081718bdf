// Times rebuilding a lost Redis for the numbers of users in its arguments, 3 keys each. By hand: npx tsx <this file> 1000 10000 100000
import { flushAndReconcile } from "./flush-and-reconcile.ts";

for (const users of process.argv.slice(2).map(Number)) {
  let [right, wrong] = [0, 0];
  const rebuilt = await flushAndReconcile(users, async (s, sample) => {
    for (const { key, isLiving } of sample) {
      const { status } = await s.exchange(key);
      if ((status === 200) === isLiving) right++;
      else wrong++;
    }
  });
  process.stdout.write(`${JSON.stringify({ ...rebuilt, right, wrong })}\n`);
}
