import type { Context, MiddlewareHandler } from "hono";

/**
 * Refuses requests that announce a body of more than `maxBytes`. One that announces no length is let through: this
 * server is reached from its own machine alone.
 */
export function limitBody(maxBytes: number, refuse: (c: Context) => Response): MiddlewareHandler {
  return async (c, next) => {
    if (Number(c.req.header("content-length") ?? 0) <= maxBytes) return next();
    // The body stays unread, so the connection cannot be used again.
    c.header("connection", "close");
    return refuse(c);
  };
}
