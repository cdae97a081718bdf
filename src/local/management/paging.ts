import type { Context } from "hono";
import * as v from "valibot";

const wholeNumber = (min: number, max: number) =>
  v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number), v.minValue(min), v.maxValue(max));

/** The query parameters of lists by page. */
export const pageQuery = {
  page: v.optional(wholeNumber(0, Number.MAX_SAFE_INTEGER), "0"),
  per_page: v.optional(wholeNumber(0, 100), "50"),
};

/** The query parameters of lists by page that can count. */
export const totalsQuery = { ...pageQuery, include_totals: v.optional(v.picklist(["true", "false"])) };

/** The query parameters of lists by checkpoint. */
export const checkpointQuery = {
  from: v.optional(v.string()),
  take: v.optional(wholeNumber(1, 100), "50"),
};

interface Page {
  readonly page: number;
  readonly per_page: number;
}

/** A page as most lists answer it: an array, or with `include_totals` an envelope. */
export function listPage(
  c: Context,
  name: string,
  all: readonly object[],
  { page, per_page, include_totals }: Page & { readonly include_totals?: string | undefined },
): Response {
  const items = slice(all, { page, per_page });
  if (include_totals !== "true") return c.json(items);
  return c.json({ start: page * per_page, limit: per_page, total: all.length, [name]: items });
}

/** A page as the Actions service answers it: always an envelope, from which zeros are left out. */
export function actionsPage(c: Context, name: string, all: readonly object[], query: Page): Response {
  const { page, per_page } = query;
  const items = slice(all, query);
  // Beyond the last page the total is missing too.
  const total = items.length > 0 ? { total: all.length } : {};
  return c.json({ [name]: items, ...total, ...(page > 0 && { page }), per_page });
}

/** A page up to a checkpoint: `next` where there may be more. The checkpoint is the position of the next item. */
export function checkpointPage(
  c: Context,
  name: string,
  all: readonly object[],
  { from, take }: { readonly from?: string | undefined; readonly take: number },
): Response {
  const start = Number(from ?? 0);
  const items = all.slice(start, start + take);
  const end = start + items.length;
  return c.json({ [name]: items, ...(end < all.length && { next: String(end) }) });
}

/** Like {@link checkpointPage}, but `next` comes even for a last page: the end is an empty page without it. */
export function eagerCheckpointPage(
  c: Context,
  name: string,
  all: readonly object[],
  { from, take }: { readonly from?: string | undefined; readonly take: number },
): Response {
  const start = Number(from ?? 0);
  const items = all.slice(start, start + take);
  return c.json({ [name]: items, ...(items.length > 0 && { next: String(start + items.length) }) });
}

function slice(all: readonly object[], { page, per_page }: Page): object[] {
  return all.slice(page * per_page, (page + 1) * per_page);
}
