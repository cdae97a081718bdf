import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JWK,
  type JWTPayload,
} from "jose";

/** The key pair that signs a tenant's tokens, RS256. */
export interface SigningKey {
  /** The public half, as the JWKS shows it. */
  readonly publicJwk: JWK;
  readonly publicKey: CryptoKey;
  sign(claims: JWTPayload, typ: "JWT" | "at+jwt"): Promise<string>;
}

/** Makes a key pair, which takes some tens of milliseconds. */
export async function createSigningKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return {
    publicJwk: { ...jwk, kid, use: "sig", alg: "RS256" },
    publicKey,
    sign: (claims, typ) =>
      new SignJWT(claims).setProtectedHeader({ alg: "RS256", typ, kid }).sign(privateKey),
  };
}
