import type { AddressInfo } from "node:net";
import { createServer, type RequestListener, type Server } from "node:http";

import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";

/** A server of ours on a port of 127.0.0.1. */
export interface Listening {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Serves a web application. Port 0 takes a free one. Never anything but 127.0.0.1: this is no production server. */
export async function listen(app: RequestListener | Pick<Hono, "fetch">, port: number): Promise<Listening> {
  // Actions run in this realm, so its globals stay Node's own.
  const serve =
    typeof app === "function" ? app : getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer(serve);
  // Upstash keeps connections; a shorter time than its clients expect would cut requests off.
  server.keepAliveTimeout = 70_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${bound}`, port: bound, close: () => close(server) };
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
