import { BlockList, isIP } from "node:net";

interface Range {
  readonly network: string;
  readonly bits: number;
  readonly family: "ipv4" | "ipv6";
}

/** Bits of an IPv6 address before the IPv4 address that is mapped into it (RFC 4291 §2.5.5.2). */
const MAPPED_BITS = 96;

/** Whether a text is an IPv4 or IPv6 address or CIDR range; a range of IPv4-mapped addresses must be of those alone. */
export function isIpRange(range: string): boolean {
  return parse(range) !== undefined;
}

/**
 * Whether an address lies in one of the ranges. An IPv4 address lies in no range of IPv6 addresses, and one that is mapped
 * into IPv6 is the IPv4 address. What cannot be read, address or range, is outside.
 */
export function isInIpRanges(address: string | undefined, ranges: readonly string[]): boolean {
  const own = parse(address ?? "");
  if (!own || address?.includes("/")) return false;
  const list = new BlockList();
  for (const range of ranges) {
    const parsed = parse(range);
    // Node counts every IPv4 address among those of ::/0: only ranges of the address's own family are asked.
    if (parsed?.family === own.family) list.addSubnet(parsed.network, parsed.bits, parsed.family);
  }
  return list.check(own.network, own.family);
}

function parse(range: string): Range | undefined {
  const [network = "", bits, ...rest] = range.split("/");
  const version = isIP(network);
  if (version === 0 || rest.length > 0 || network.includes("%")) return undefined;
  const maxBits = version === 4 ? 32 : 128;
  if (bits !== undefined && (!/^(0|[1-9][0-9]{0,2})$/.test(bits) || Number(bits) > maxBits)) return undefined;
  const count = Number(bits ?? maxBits);
  if (version === 4) return { network, bits: count, family: "ipv4" };
  const mapped = mappedIpv4(network);
  if (mapped === undefined) return { network, bits: count, family: "ipv6" };
  return count < MAPPED_BITS ? undefined : { network: mapped, bits: count - MAPPED_BITS, family: "ipv4" };
}

/** The IPv4 address that is mapped into an IPv6 address, however that is written. */
function mappedIpv4(address: string): string | undefined {
  // A URL's host is the address in its one canonical form.
  const match = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(new URL(`http://[${address}]`).hostname);
  if (!match) return undefined;
  const [high, low] = [match[1], match[2]].map((group) => Number.parseInt(group ?? "", 16)) as [
    number,
    number,
  ];
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
}
