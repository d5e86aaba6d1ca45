// Signed notes and log keys (C2SP signed-note), Ed25519 by WebCrypto. Browsers cannot check
// ML-DSA-44: its keys are read, named as not used, and its signatures ignored.

const logKeyType = 1;
const mldsaKeyType = 6;

async function parseVkey(text) {
  const at = [text.indexOf('+'), text.indexOf('+', text.indexOf('+') + 1)];
  if (at[0] < 1 || at[1] < 0) throw new Refused('a log key looks like NAME+HEX+BASE64');
  const name = text.slice(0, at[0]);
  const raw = fromBase64(text.slice(at[1] + 1), `the key of ${name}`);
  const id = await keyId(name, raw);
  if (hexOf(id) !== text.slice(at[0] + 1, at[1])) {
    throw new Refused(`the key of ${name} does not have the id that it says`);
  }
  if (raw[0] === mldsaKeyType && raw.length === 1313) return { name, id, unused: true };
  if (raw[0] !== logKeyType || raw.length !== 33) {
    throw new Refused(`the key of ${name} is not an Ed25519 key of a log`);
  }
  return { name, id, key: raw.slice(1) };
}

async function keyId(name, raw) {
  return (await sha256(joined(utf8.encode(`${name}\n`), raw))).slice(0, 4);
}

function parseNote(text) {
  const at = text.lastIndexOf('\n\n');
  if (at < 0 || !text.endsWith('\n')) throw new Refused('it is not a signed note');
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0009\u000b-\u001f]/.test(text)) throw new Refused('it holds control characters');
  const lines = text.slice(at + 2, -1).split('\n');
  return { text: text.slice(0, at + 1), signatures: lines.map(signatureOf) };
}

function signatureOf(line) {
  const found = /^— (\S+) (\S+)$/u.exec(line);
  if (!found) throw new Refused('a signature line looks like — NAME BASE64');
  const blob = fromBase64(found[2], `the signature of ${found[1]}`);
  if (blob.length <= 4) throw new Refused(`the line of ${found[1]} holds no signature`);
  return { name: found[1], id: blob.slice(0, 4), value: blob.slice(4) };
}

let ed25519;

// Whether this browser checks Ed25519 at all (RFC 8410 keys in WebCrypto).
async function hasEd25519() {
  ed25519 ??= crypto.subtle
    .importKey('raw', new Uint8Array(32), { name: 'Ed25519' }, false, ['verify'])
    .then(
      () => true,
      () => false,
    );
  return ed25519;
}

async function verifyNote(note, keys, origin) {
  const mine = keys.filter((key) => key.name === origin);
  if (!mine.length) throw new Refused(`no key that you trust is named like its log '${origin}'`);
  if (!(await hasEd25519())) throw new Refused(noEd25519, 'unchecked');
  let verified = false;
  for (const signature of note.signatures) {
    const known = mine.find((key) => key.name === signature.name && equal(key.id, signature.id));
    if (!known) continue;
    const key = await crypto.subtle.importKey('raw', known.key, 'Ed25519', false, ['verify']);
    const message = utf8.encode(note.text);
    if (!(await crypto.subtle.verify('Ed25519', key, signature.value, message))) {
      throw new Refused(`the signature of ${known.name} does not verify`);
    }
    verified = true;
  }
  if (!verified) throw new Refused('no trusted key has signed this note');
}
