/** Reads the text of an answer, no more of it than `maxBytes`: of one that is longer, nothing. */
export async function textWithin(response: Response, maxBytes: number): Promise<string> {
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
