const V4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const V4_WITH_PORT = /^([\d.]+)(?::\d{1,5})?$/;
const V6_WITH_PORT = /^\[([\da-f:.]+)\](?::\d{1,5})?$/i;
const MAPPED = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/;

/**
 * The address in what a server or a proxy says of its client, without port and brackets, each address in one form alone:
 * tokens are kept by it. `undefined` for what is no address.
 */
export function clientAddressOf(text: string): string | undefined {
  const trimmed = text.trim();
  const [, v4 = ""] = V4_WITH_PORT.exec(trimmed) ?? [];
  if (V4.test(v4)) return v4;
  const v6 = V6_WITH_PORT.exec(trimmed)?.[1] ?? trimmed;
  // A URL knows what an IPv6 address is, in every runtime.
  if (!/^[\da-f:.]+$/i.test(v6) || !URL.canParse(`http://[${v6}]/`)) return undefined;
  const address = new URL(`http://[${v6}]/`).hostname.slice(1, -1);
  const [, high, low] = MAPPED.exec(address) ?? [];
  if (high === undefined || low === undefined) return address;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join(".");
}
