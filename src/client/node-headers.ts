import type { HeaderFields } from "./gateway-credentials.ts";

/** What is used of Node's `IncomingMessage`, on which Express and Fastify build. */
export interface NodeMessage {
  readonly headers: Record<string, string | string[] | undefined>;
  readonly rawHeaders?: string[];
  readonly headersDistinct?: Record<string, string[] | undefined>;
}

const CREDENTIALS = ["authorization", "x-api-key"] as const;

/** Its header fields; a field of credentials that was sent twice is a list: Node keeps the first, or joins them. */
export function fieldsOf({ headers, rawHeaders = [] }: NodeMessage): HeaderFields {
  const sent = { authorization: [] as string[], "x-api-key": [] as string[] };
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = CREDENTIALS.find((one) => one === rawHeaders[at]?.toLowerCase());
    if (name) sent[name].push(rawHeaders[at + 1] ?? "");
  }
  const repeated = Object.entries(sent).filter(([, values]) => values.length > 1);
  return { ...headers, ...Object.fromEntries(repeated) };
}

/** Puts a token in the place of the API key, in every form in which Node shows header fields. */
export function putToken(message: NodeMessage, authorization: string): void {
  const { headers, rawHeaders = [], headersDistinct } = message;
  headers["authorization"] = authorization;
  delete headers["x-api-key"];
  if (headersDistinct) {
    headersDistinct["authorization"] = [authorization];
    delete headersDistinct["x-api-key"];
  }
  const kept: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
    if (!CREDENTIALS.some((one) => one === name.toLowerCase())) kept.push(name, value);
  }
  rawHeaders.splice(0, rawHeaders.length, ...kept, "authorization", authorization);
}
