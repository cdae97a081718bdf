import { Ajv2020 } from "ajv/dist/2020.js";

import { OPENAPI } from "../../src/self-service/index.ts";
import type { Answer } from "./stage.ts";

interface Documented {
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema?: object }> }>;
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly schema: object } } };
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addFormat("date-time", (text: string) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text));
ajv.addSchema(OPENAPI, "https://openapi.example/");

/** Every documented operation, as `METHOD /path`. */
export const OPERATIONS: readonly string[] = Object.entries(OPENAPI.paths).flatMap(([path, methods]) =>
  Object.keys(methods)
    .filter((name) => name !== "parameters")
    .map((method) => `${method.toUpperCase()} ${path}`),
);

/** What the document says of an operation. */
function documented(method: string, path: string): Documented | undefined {
  const template = path.replace(/\?.*$/, "").replace(/^((?:\/organization)?\/api-keys\/)[^/]+/, "$1{id}");
  const methods = OPENAPI.paths[template as keyof typeof OPENAPI.paths] as
    | Record<string, unknown>
    | undefined;
  return methods?.[method.toLowerCase()] as Documented | undefined;
}

/** What is wrong with an answer as the document has it; empty if nothing is. */
export function mistakesIn(method: string, path: string, answer: Answer): readonly string[] {
  const operation = documented(method, path);
  if (!operation) return [];
  const response = operation.responses[answer.status];
  if (!response) return [`${method} ${path} may not answer ${answer.status}`];
  const [type, media] = Object.entries(response.content ?? {})[0] ?? [];
  const given = answer.headers.get("content-type");
  if (type === undefined) return answer.text === "" ? [] : ["there must be no body"];
  if (!given?.startsWith(type)) return [`it must be ${type} and not ${given}`];
  return media?.schema ? mistakesOf(media.schema, answer.body) : [];
}

/** Whether a body is one that the document allows for an operation. */
export function isValidBody(method: string, path: string, body: unknown): boolean {
  const schema = documented(method, path)?.requestBody?.content["application/json"].schema;
  return schema !== undefined && mistakesOf(schema, body).length === 0;
}

function mistakesOf(schema: object, value: unknown): readonly string[] {
  const { $ref } = schema as { readonly $ref: string };
  const validate = ajv.getSchema(`https://openapi.example/${$ref}`);
  if (!validate) throw new Error(`There is no schema ${$ref}.`);
  if (validate(value) === true) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
