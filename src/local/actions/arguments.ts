/** Throws what Auth0's API objects throw for a text argument that is no text, or of a wrong length. */
export function requireText(
  method: string,
  name: string,
  value: unknown,
  maxLength: number,
): asserts value is string {
  const complain = (problem: string) => new Error(`Invalid ${method} arguments: ${name} ${problem}`);
  if (typeof value !== "string") throw complain("must be string");
  if (value.length < 1) throw complain("must NOT have fewer than 1 characters");
  if (value.length > maxLength) throw complain(`must NOT have more than ${maxLength} characters`);
}
