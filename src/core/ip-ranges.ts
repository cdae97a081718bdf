import { BlockList, isIP } from "node:net";

const FAMILIES = { 4: "ipv4", 6: "ipv6" } as const;

/** Whether a text is an IPv4 or IPv6 address or CIDR range. */
export function isIpRange(range: string): boolean {
  return parse(range) !== undefined;
}

/** Whether an address lies in one of the ranges. What cannot be read, address or range, is outside. */
export function isInIpRanges(address: string | undefined, ranges: readonly string[]): boolean {
  const family = isIP(address ?? "");
  if (address === undefined || (family !== 4 && family !== 6)) return false;
  const list = new BlockList();
  for (const range of ranges) {
    const parsed = parse(range);
    if (parsed) list.addSubnet(parsed.network, parsed.bits, parsed.family);
  }
  return list.check(address, FAMILIES[family]);
}

function parse(range: string): { network: string; bits: number; family: "ipv4" | "ipv6" } | undefined {
  const [network = "", bits, ...rest] = range.split("/");
  const family = isIP(network);
  if ((family !== 4 && family !== 6) || rest.length > 0 || network.includes("%")) return undefined;
  const maxBits = family === 4 ? 32 : 128;
  if (bits !== undefined && (!/^(0|[1-9][0-9]{0,2})$/.test(bits) || Number(bits) > maxBits)) return undefined;
  return { network, bits: Number(bits ?? maxBits), family: FAMILIES[family] };
}
