/** The object that an answer is in JSON; `undefined` for anything else, and for more than `maxBytes`, which are not read. */
export async function readObject(
  response: Response,
  maxBytes: number,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await textWithin(response, maxBytes);
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

async function textWithin(response: Response, maxBytes: number): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
    bytes += chunk.value.byteLength;
    if (bytes > maxBytes) {
      await reader?.cancel();
      return "";
    }
    text += decoder.decode(chunk.value, { stream: true });
  }
  return text + decoder.decode();
}
