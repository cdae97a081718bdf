const AT_ONCE = 4;

/**
 * Does a piece of work for every item, some at once. After a failure the others end with the item that they are at, no
 * further one is begun, and then the failure is thrown.
 */
export async function someAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const next = async () => {
    for (let item = rest.pop(); item !== undefined; item = rest.pop()) {
      try {
        await work(item);
      } catch (error) {
        rest.length = 0;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, next));
  const failed = ended.find((one) => one.status === "rejected");
  if (failed) throw failed.reason;
}
