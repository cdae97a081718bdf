/** A limit of the Management API: requests a second that come back, and so many at once. */
export interface RequestLimit {
  readonly perSecond: number;
  readonly burst: number;
}

/** Auth0's limits on the token endpoint and on the Management API. */
export interface Limits {
  /** Exchanges a second, with a burst of as many. */
  readonly exchangesPerSecond: number;
  /** On-behalf-of exchanges a second, with a burst of as many. Default: unlimited. */
  readonly onBehalfOfPerSecond?: number;
  /** Wrong subject tokens from an address before it is throttled. */
  readonly ipAttempts: number;
  /** Milliseconds until an address regains one attempt. */
  readonly ipRegainMs: number;
  /** The Management API's. Default: unlimited. `kinds` have limits of their own, by the first part of their path. */
  readonly management?: RequestLimit & { readonly kinds?: Readonly<Record<string, RequestLimit>> };
}

const ADDRESSES = { ipAttempts: 10, ipRegainMs: 600_000 };
const OF_ENTERPRISE = { exchangesPerSecond: 15, onBehalfOfPerSecond: 30 };
const PER_MINUTE = 1 / 60;
const FEW = { perSecond: 50 * PER_MINUTE, burst: 5 };

/** Auth0's plans by name, as far as API keys come up against their limits. */
export const PLANS = {
  free: {
    hasTokenExchange: false,
    limits: {
      ...ADDRESSES,
      exchangesPerSecond: 4,
      onBehalfOfPerSecond: 2,
      management: { perSecond: 2, burst: 10 },
    },
  },
  professional: {
    hasTokenExchange: true,
    limits: {
      ...ADDRESSES,
      exchangesPerSecond: 4,
      onBehalfOfPerSecond: 8,
      management: {
        perSecond: 150 * PER_MINUTE,
        burst: 10,
        kinds: { connections: FEW, organizations: FEW },
      },
    },
  },
  "enterprise-nonproduction": {
    hasTokenExchange: true,
    limits: { ...ADDRESSES, ...OF_ENTERPRISE, management: { perSecond: 2, burst: 10 } },
  },
  enterprise: {
    hasTokenExchange: true,
    limits: { ...ADDRESSES, ...OF_ENTERPRISE, management: { perSecond: 16, burst: 50 } },
  },
} satisfies Readonly<Record<string, { readonly hasTokenExchange: boolean; readonly limits: Limits }>>;

/** The name of a plan. */
export type Plan = keyof typeof PLANS;

/** The smallest plan with Custom Token Exchange: what works on it works on the others. */
export const DEFAULT_PLAN: Plan = "professional";
