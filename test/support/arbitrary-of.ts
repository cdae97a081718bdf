import fc from "fast-check";

/** The part of JSON Schema that the request bodies use. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minProperties?: number;
}

/** Values that a schema allows, its bounds among them. Throws for what it does not know. */
export function arbitraryOf(schema: object): fc.Arbitrary<unknown> {
  const { type, ...rest } = schema as Schema;
  const types = typeof type === "string" ? [type] : (type ?? []);
  return fc.oneof(...types.map((one) => ofType(one, rest)));
}

function ofType(type: string, schema: Schema): fc.Arbitrary<unknown> {
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer": {
      const { minimum = 0, maximum = 1_000 } = schema;
      return fc.oneof(fc.constantFrom(minimum, maximum), fc.integer({ min: minimum, max: maximum }));
    }
    case "string":
      return texts(schema);
    case "array":
      return fc.array(arbitraryOf(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 5, 5),
      });
    case "object":
      return objects(schema);
    default:
      throw new TypeError(`There is no arbitrary for the type "${type}".`);
  }
}

function texts({ minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  const known = ["read:things", "https://api.acme.example", "203.0.113.0/24", "laptop"];
  const any = fc.string({ unit: "binary", minLength, maxLength });
  // What is none in UTF-8 is none in JSON either.
  return fc.oneof(fc.constantFrom(...known), any.map(wellFormed));
}

function objects({ properties = {}, required = [], minProperties = 0 }: Schema): fc.Arbitrary<unknown> {
  const model = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, arbitraryOf(schema)]),
  );
  return fc
    .record(model, { requiredKeys: [...required] })
    .filter((value) => Object.keys(value).length >= minProperties);
}

/** A text without halves of surrogate pairs. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
