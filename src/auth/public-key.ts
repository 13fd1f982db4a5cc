import { createPublicKey, type KeyObject } from 'node:crypto';

export interface PublicKey {
  readonly key: KeyObject;
  /** The JWS algorithms that a key of this kind can verify; a token naming any other one is refused. */
  readonly algorithms: readonly string[];
}

const smallestRsaBits = 2048; // RFC 7518 §3.3; jose refuses smaller ones at the first token, which is too late to tell the operator
const ecdsaAlgorithms: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

/**
 * Reads a public key or an X.509 certificate. Line breaks may be written as `\n`, which is how env files carry a PEM.
 *
 * @throws Error with a sentence that says what to give instead, free of key text
 */
export function readPublicKey(pem: string): PublicKey {
  const text = pem.replaceAll(String.raw`\n`, '\n').trim();
  // createPublicKey derives the public half of a private key without a word, and a private key has no place in a verifier.
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text))
    throw new Error('it is a private key; give the public key that belongs to it');
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch {
    throw new Error('it is not a public key in PEM form; give one, from -----BEGIN to the last dash');
  }
  return { key, algorithms: algorithmsOf(key) };
}

function algorithmsOf(key: KeyObject): readonly string[] {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      if ((details?.modulusLength ?? 0) < smallestRsaBits) {
        throw new Error(`an RSA key needs at least ${smallestRsaBits} bits; make a longer one`);
      }
      return key.asymmetricKeyType === 'rsa' ? ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] : ['PS256', 'PS384', 'PS512'];
    case 'ec': {
      const algorithm = ecdsaAlgorithms[details?.namedCurve ?? ''];
      if (algorithm === undefined)
        throw new Error('its elliptic curve is none of P-256, P-384 and P-521; make a key on one of these');
      return [algorithm];
    }
    case 'ed25519':
      return ['EdDSA', 'Ed25519'];
    default:
      throw new Error('its kind is none of RSA, EC and Ed25519; make a key of one of these');
  }
}
