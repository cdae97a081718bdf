import { createHash, timingSafeEqual } from "node:crypto";

import type { Tenant } from "../tenant.ts";
import type { Client } from "../tenant-objects.ts";
import { OAuthError } from "./oauth-error.ts";
import type { TokenParameters } from "./token-request.ts";

/** Finds the client of a token request and checks its secret: by post, Basic, or none for public clients. */
export function authenticateClient(
  tenant: Tenant,
  authorization: string | undefined,
  parameters: TokenParameters,
): Client {
  const basic = readBasic(authorization);
  const clientId = basic?.clientId ?? parameters.get("client_id") ?? "";
  const secret = basic?.secret ?? parameters.get("client_secret") ?? "";
  const client = tenant.clients.get(clientId);
  if (client?.token_endpoint_auth_method === "none") return client;
  // Compared for an unknown client too: both answers look and take the same.
  const isRight = isSame(secret, client?.client_secret ?? "");
  if (client?.client_secret !== undefined && isRight) return client;
  throw new OAuthError(401, tenant.fidelity.client_authentication_error, "Unauthorized");
}

/** RFC 6749 §2.3.1: both halves are form-encoded before they are joined. */
function readBasic(authorization: string | undefined): { clientId: string; secret: string } | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const [clientId = "", ...rest] = Buffer.from(encoded, "base64").toString("utf8").split(":");
  const decode = (text: string) => new URLSearchParams(`v=${text}`).get("v") ?? "";
  return { clientId: decode(clientId), secret: decode(rest.join(":")) };
}

function isSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
