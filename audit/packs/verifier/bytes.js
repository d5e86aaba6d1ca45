// Bytes, their spellings and their digests. Every decoder accepts one spelling only.

class Refused extends Error {
  // state: failed | unchecked | aside, as in `audit.ledger.packcheck.Check`.
  constructor(message, state = 'failed') {
    super(message);
    this.state = state;
  }
}

const utf8 = new TextEncoder();

function textOf(bytes) {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

function equal(a, b) {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function hexOf(bytes) {
  return Array.from(bytes, (value) => value.toString(16).padStart(2, '0')).join('');
}

function fromHex(text) {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new Refused('it is not hexadecimal');
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function base64Of(bytes) {
  let text = '';
  for (const value of bytes) text += String.fromCharCode(value);
  return btoa(text);
}

function fromBase64(text, what) {
  let decoded = '';
  try {
    decoded = atob(text);
  } catch {
    decoded = '';
  }
  if (decoded === '' || btoa(decoded) !== text) {
    throw new Refused(`${what} is not canonical base64`);
  }
  return Uint8Array.from(decoded, (char) => char.charCodeAt(0));
}

function fromBase64url(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Refused('it is not base64url');
  const plain = text.replaceAll('-', '+').replaceAll('_', '/');
  return Uint8Array.from(atob(plain), (char) => char.charCodeAt(0));
}

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

async function sha256hex(bytes) {
  return hexOf(await sha256(bytes));
}

const crcTable = Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const value of bytes) crc = crcTable[(crc ^ value) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
