// Issuer-signed tokens: RS256 JWTs against key sets that the verifier trusts. Expiry is no matter:
// a token is released after it expired, and proves that the issuer signed it.

const mostKeys = 50;
const mostKeyBytes = 16 * 1024;
const mostKeysOfAName = 4;

async function claimsOf(body, issuerKeys) {
  let parts, header, claims;
  try {
    parts = textOf(body).split('.');
    [header, claims] = parts.slice(0, 2).map((part) => parsed(fromBase64url(part), 'it'));
    if (parts.length !== 3 || !isObject(header) || typeof claims.iss !== 'string') throw Error();
  } catch {
    throw new Refused('it is not a compact JWT with an issuer');
  }
  const keys = issuerKeys[claims.iss];
  if (!keys) throw new Refused(`no keys of the issuer '${claims.iss}' are trusted`, 'unchecked');
  const candidates = (keys.keys ?? [])
    .filter((key) => key?.kid === header.kid && isStrongRsa(key))
    .slice(0, mostKeysOfAName);
  if (!header.kid || !candidates.length) {
    const words = `the issuer's key set has no RSA key '${header.kid}' of 2048 bits or more`;
    throw new Refused(words, 'unchecked');
  }
  const signed = utf8.encode(`${parts[0]}.${parts[1]}`);
  for (const candidate of candidates) {
    if (header.alg === 'RS256' && (await signedBy(candidate, parts[2], signed))) return claims;
  }
  throw new Refused(`no key '${header.kid}' of the issuer verifies its RS256 signature`);
}

// The first keys of several key sets of an issuer, each once.
function distinctKeys(sets) {
  const found = new Map();
  for (const key of sets.flat()) {
    let spelled;
    try {
      spelled = canonical(key);
    } catch {
      continue;
    }
    const fits = utf8.encode(spelled).length <= mostKeyBytes;
    if (fits && !found.has(spelled)) found.set(spelled, key);
    if (found.size === mostKeys) break;
  }
  return [...found.values()];
}

function isStrongRsa(key) {
  return key.kty === 'RSA' && typeof key.n === 'string' && key.n.length * 6 >= 2048;
}

const rs256 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

async function signedBy(jwk, signature, signed) {
  try {
    const { kty, n, e } = jwk;
    const key = await crypto.subtle.importKey('jwk', { kty, n, e }, rs256, false, ['verify']);
    return await crypto.subtle.verify(rs256, key, fromBase64url(signature), signed);
  } catch {
    return false;
  }
}
