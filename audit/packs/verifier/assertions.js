// Passkey assertions (WebAuthn Level 2 section 7.2) over the hash of an intent.

const algorithms = [
  ['06072a8648ce3d0201', { name: 'ECDSA', namedCurve: 'P-256' }, { name: 'ECDSA', hash: 'SHA-256' }],
  ['06092a864886f70d010101', rs256, rs256],
  ['06032b6570', { name: 'Ed25519' }, { name: 'Ed25519' }],
];

function readPasskeys(bytes) {
  const document = parsed(bytes, 'the file of passkeys');
  if (document?.schema !== 'ata.passkeys.v1' || !Array.isArray(document.passkeys)) {
    throw new Refused('it is no directory of passkeys (ata.passkeys.v1)');
  }
  const texts = ['id', 'public_key', 'iss', 'sub', 'rp_id'];
  const whole = (one) =>
    isObject(one) &&
    texts.every((name) => typeof one[name] === 'string') &&
    Array.isArray(one.origins);
  if (!document.passkeys.every(whole)) throw new Refused('a passkey in it is not whole');
  return Object.fromEntries(document.passkeys.map((one) => [one.id, one]));
}

async function asserted(body, event, passkeys) {
  let document, client, parts;
  try {
    document = parsed(body, 'it');
    const { response } = document.credential;
    parts = Object.fromEntries(
      ['clientDataJSON', 'authenticatorData', 'signature'].map((name) => [
        name,
        fromBase64url(response[name]),
      ]),
    );
    client = parsed(parts.clientDataJSON, 'it');
    fromBase64url(client.challenge);
  } catch {
    throw new Refused('it is not a passkey assertion');
  }
  const passkey = passkeys[document.credential.id];
  if (!passkey) throw new Refused('its passkey is not among the trusted ones', 'unchecked');
  const { approval_id, role, decision } = document;
  const words = canonical({ approval_id, decision, intent_hash: event.intent_hash, role });
  const wanted = await sha256(utf8.encode(`ata.assert.v1\n${words}`));
  if (!equal(fromBase64url(client.challenge), wanted)) {
    throw new Refused('it signs another intent or decision');
  }
  if (client.type !== 'webauthn.get' || !passkey.origins.includes(client.origin)) {
    throw new Refused(`it was made at '${client.origin}' for '${client.type}'`);
  }
  if (client.crossOrigin === true) throw new Refused('it was made inside a page of someone else');
  checkTime(passkey, Date.parse(event.recorded_at));
  const data = parts.authenticatorData;
  if (data.length < 37 || !equal(data.slice(0, 32), await sha256(utf8.encode(passkey.rp_id)))) {
    throw new Refused(`it is not for ${passkey.rp_id}`);
  }
  if ((data[32] & 5) !== 5) throw new Refused('the authenticator did not verify its user');
  const signed = joined(data, await sha256(parts.clientDataJSON));
  await checkAssertion(passkey.public_key, parts.signature, signed);
  return { passkey, approval_id, role, decision };
}

function checkTime(passkey, at) {
  if (passkey.enrolled_at && at < Date.parse(passkey.enrolled_at)) {
    throw new Refused('its passkey was enrolled later');
  }
  if (passkey.revoked_at && at >= Date.parse(passkey.revoked_at)) {
    throw new Refused(`its passkey was revoked at ${moment(passkey.revoked_at)}`);
  }
}

async function checkAssertion(publicKey, signature, signed) {
  const spki = fromBase64(publicKey, 'the public key');
  const found = algorithms.find(([mark]) => hexOf(spki.slice(0, 40)).includes(mark));
  if (!found) throw new Refused('its key is of a kind this browser does not know', 'unchecked');
  let key;
  try {
    key = await crypto.subtle.importKey('spki', spki, found[1], false, ['verify']);
  } catch {
    throw new Refused('its key is of a kind this browser does not know', 'unchecked');
  }
  const value = found[1].name === 'ECDSA' ? plainSignature(signature) : signature;
  if (!(await crypto.subtle.verify(found[2], key, value, signed))) {
    throw new Refused('its signature does not verify');
  }
}

// WebAuthn signs in DER (r and s as INTEGERs); WebCrypto takes both as 32 bytes each.
function plainSignature(der) {
  const wrong = new Refused('its signature does not verify');
  const number = (at) => {
    const value = der.slice(at + 2, at + 2 + der[at + 1]);
    if (der[at] !== 2 || value.length !== der[at + 1]) throw wrong;
    const digits = value[0] === 0 ? value.slice(1) : value;
    if (digits.length > 32) throw wrong;
    return [joined(new Uint8Array(32 - digits.length), digits), at + 2 + value.length];
  };
  if (der[0] !== 0x30 || der[1] !== der.length - 2) throw wrong;
  const [r, next] = number(2);
  const [s, end] = number(next);
  if (end !== der.length) throw wrong;
  return joined(r, s);
}
