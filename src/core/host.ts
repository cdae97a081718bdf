/** A domain as it is compared: in lower case, without a scheme, slashes or the dot of a root; `undefined` for what is none. */
export function hostOf(domain: string): string | undefined {
  const host = domain
    .trim()
    .toLowerCase()
    .replace(/^https?:\/\//, "")
    .replace(/\/+$/, "")
    .replace(/\.+(?=:\d+$|$)/, "");
  return /^[a-z0-9.-]+(:\d+)?$/.test(host) ? host : undefined;
}

/** The origin of a host. Plain http for this machine alone, where the local tenant is. */
export function originOfHost(host: string): string {
  return `${/^(localhost|127\.0\.0\.1)(:\d+)?$/.test(host) ? "http" : "https"}://${host}`;
}
