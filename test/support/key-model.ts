/** A secret that was shown to its holder, or `undefined` for one that nobody has seen. */
type Secret = string | undefined;

/** What may be said of a key, in plain terms: written apart from the product, to hold it against. */
export interface KeyState {
  readonly owner: string;
  readonly expSeconds: number | undefined;
  readonly isRevoked: boolean;
  readonly isDisabled: boolean;
  readonly current: Secret;
  readonly previous: { readonly secret: Secret; readonly untilSeconds: number } | undefined;
}

/** A change of a key, and how it is refused: by the code of its error. */
export type Step = (state: KeyState, nowSeconds: number) => KeyState | { readonly refused: string };

/** Whether a key is over for good. */
export const isDead = (state: KeyState, now: number): boolean =>
  state.isRevoked || (state.expSeconds !== undefined && now >= state.expSeconds);
const isRotating = ({ previous }: KeyState, now: number) =>
  previous !== undefined && now < previous.untilSeconds;
const DEAD = { refused: "key_dead" };
const IDLE = { refused: "no_rotation_under_way" };

/** Whether a secret lets its holder in. */
export function isGranted(state: KeyState, secret: string, nowSeconds: number): boolean {
  if (isDead(state, nowSeconds) || state.isDisabled) return false;
  if (state.current === secret) return true;
  return isRotating(state, nowSeconds) && state.previous?.secret === secret;
}

export const revoked: Step = (state) => ({ ...state, isRevoked: true });
export const disabled: Step = (state, now) => (isDead(state, now) ? DEAD : { ...state, isDisabled: true });
export const enabled: Step = (state, now) => (isDead(state, now) ? DEAD : { ...state, isDisabled: false });

/** A rotation that makes `secret`. A key that expires then lives for 90 days at least. */
export function rotated(secret: Secret, overlapSeconds: number): Step {
  return (state, now) => {
    if (isDead(state, now)) return DEAD;
    if (isRotating(state, now)) return { refused: "rotation_under_way" };
    const previous = { secret: state.current, untilSeconds: now + overlapSeconds };
    const expSeconds = state.expSeconds && Math.max(state.expSeconds, now + 90 * 86_400);
    return { ...state, current: secret, previous, expSeconds };
  };
}

export const cancelled: Step = (state, now) => {
  if (isDead(state, now)) return DEAD;
  if (!isRotating(state, now)) return IDLE;
  return { ...state, current: state.previous?.secret, previous: undefined };
};

export const overlapEnded: Step = (state, now) => {
  if (isDead(state, now)) return DEAD;
  if (!isRotating(state, now)) return IDLE;
  return { ...state, previous: { secret: state.previous?.secret, untilSeconds: now } };
};
