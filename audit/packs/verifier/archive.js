// Reading a pack: the one ZIP that its members have, and the manifest that names them.

const schema = 'ata.pack.v1';
const manifestName = 'manifest.json';
const signatureName = 'manifest.note';
const kinds = [
  [/^README\.txt$/, 'readme'],
  [/^log\/checkpoint$/, 'checkpoint'],
  [/^log\/key-history$/, 'key_history'],
  [/^log\/time-token$/, 'time_token'],
  [/^log\/vkey$/, 'vkey'],
  [/^events\/[0-9]{12}\.entry$/, 'entry'],
  [/^events\/[0-9]{12}\.openings\.json$/, 'openings'],
  [/^events\/[0-9]{12}\.tlog-proof$/, 'proof'],
  [/^evidence\/[0-9a-f]{64}\.acknowledgement$/, 'acknowledgement'],
  [/^evidence\/[0-9a-f]{64}\.approval_token$/, 'approval_token'],
  [/^evidence\/[0-9a-f]{64}\.assertion$/, 'assertion'],
  [/^evidence\/[0-9a-f]{64}\.id_token$/, 'id_token'],
  [/^issuer\/[0-9a-f]{64}\.issuer_discovery$/, 'issuer_discovery'],
  [/^issuer\/[0-9a-f]{64}\.issuer_keys$/, 'issuer_keys'],
  [/^passkeys\.json$/, 'passkeys'],
  [/^verify\.html$/, 'verifier'],
];
const places = ['README.txt', 'log', 'events', 'evidence', 'issuer', 'passkeys.json', 'verify.html'];
const longest = 64 * 1024 * 1024;
const longestManifest = 8 * 1024 * 1024;
const mostMembers = 20_000;
const mostEvents = 1_000;

class PackRefused extends Refused {
  constructor(check, message) {
    super(message);
    this.check = check;
  }
}

function kindOf(name) {
  return kinds.find(([form]) => form.test(name))?.[1] ?? '';
}

function before(a, b) {
  const [first, second] = [a, b].map((name) => places.indexOf(name.split('/')[0]));
  return first - second || (a < b ? -1 : 1);
}

async function readPack(bytes) {
  const members = readArchive(bytes);
  const manifest = readManifest(members.get(manifestName));
  const note = members.get(signatureName);
  const raw = members.get(manifestName);
  members.delete(manifestName);
  members.delete(signatureName);
  await compareMembers(manifest, members);
  return { manifest, members, note, statement: `${schema}\n${await sha256hex(raw)}\n` };
}

function readArchive(bytes) {
  const wrong = (message) => new PackRefused('archive', message);
  if (bytes.length > longest) throw wrong('it is longer than a pack may be');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const members = new Map();
  let at = 0;
  while (at + 4 <= bytes.length && view.getUint32(at, true) === 0x04034b50) {
    if (at + 30 > bytes.length) throw wrong('it ends in the middle');
    const named = view.getUint16(at + 26, true);
    const size = view.getUint32(at + 22, true);
    const start = at + 30 + named;
    const name = String.fromCharCode(...bytes.subarray(at + 30, start));
    const body = bytes.subarray(start, start + size);
    if (name !== manifestName && name !== signatureName && !kindOf(name)) {
      throw wrong(`no pack has a member '${name}'`);
    }
    const problem =
      (view.getUint16(at + 8, true) !== 0 || view.getUint32(at + 18, true) !== size
        ? 'is compressed'
        : '') ||
      (view.getUint32(at + 10, true) !== 0x00210000 ? 'is not dated 1980-01-01' : '') ||
      (view.getUint16(at + 28, true) !== 0 ? 'has an extra field' : '') ||
      (view.getUint32(at + 4, true) !== 20 ? 'has flags or a version of its own' : '') ||
      (body.length !== size ? 'is cut short' : '');
    if (problem) throw wrong(`${name} ${problem}`);
    if (crc32(body) !== view.getUint32(at + 14, true)) {
      throw wrong(`the CRC-32 of ${name} is that of other bytes`);
    }
    if (members.has(name)) throw wrong(`${name} is there twice`);
    members.set(name, body);
    if (members.size > mostMembers) throw wrong('it has more than 20,000 members');
    at = start + size;
  }
  const parts = [...members.keys()].filter((name) => name.startsWith('events/'));
  const events = new Set(parts.map((name) => name.split('.')[0]));
  if (events.size > mostEvents) throw wrong('it has more than 1,000 events');
  const first = [...members.keys()].slice(0, 2);
  if (first[0] !== manifestName || first[1] !== signatureName) {
    throw wrong(`it does not begin with ${manifestName} and ${signatureName}`);
  }
  const end = directoryOf(members, at);
  if (!equal(bytes.subarray(at), end)) {
    throw wrong(
      bytes.length - at > end.length
        ? 'bytes follow after its end'
        : 'the directory at its end was changed',
    );
  }
  return members;
}

function directoryOf(members, offset) {
  const rows = [];
  let at = 0;
  for (const [name, body] of members) {
    const row = new DataView(new ArrayBuffer(46));
    const encoded = utf8.encode(name);
    row.setUint32(0, 0x02014b50, true);
    row.setUint16(4, 20, true);
    row.setUint16(6, 20, true);
    row.setUint32(12, 0x00210000, true);
    row.setUint32(16, crc32(body), true);
    row.setUint32(20, body.length, true);
    row.setUint32(24, body.length, true);
    row.setUint16(28, encoded.length, true);
    row.setUint32(42, at, true);
    rows.push(new Uint8Array(row.buffer), encoded);
    at += 30 + encoded.length + body.length;
  }
  const directory = joined(...rows);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, members.size, true);
  end.setUint16(10, members.size, true);
  end.setUint32(12, directory.length, true);
  end.setUint32(16, offset, true);
  return joined(directory, new Uint8Array(end.buffer));
}

function readManifest(raw) {
  const wrong = (message) => new PackRefused('manifest', message);
  if (raw.length > longestManifest) throw wrong('it is longer than a manifest may be');
  let manifest;
  try {
    manifest = parsed(raw, 'it');
    if (!isObject(manifest) || manifest.schema !== schema) {
      throw new Refused(`it is no manifest of schema ${schema}`);
    }
    if (!equal(utf8.encode(canonical(manifest)), raw)) {
      throw new Refused('it is not in canonical form (RFC 8785)');
    }
  } catch (error) {
    throw wrong(error.message);
  }
  const keys = Object.keys(manifest).sort().join(' ');
  if (
    keys !== 'about build members origin schema tree withheld words' ||
    typeof manifest.origin !== 'string'
  ) {
    throw wrong('it has other fields than a manifest');
  }
  if (!Array.isArray(manifest.members) || !manifest.members.every(isMember)) {
    throw wrong('its list of members has another form');
  }
  return manifest;
}

function isMember(one) {
  return (
    isObject(one) &&
    Object.keys(one).sort().join(' ') === 'bytes entries kind name sha256' &&
    typeof one.name === 'string' &&
    Array.isArray(one.entries) &&
    one.kind !== '' &&
    one.kind === kindOf(one.name)
  );
}

async function compareMembers(manifest, members) {
  const wrong = (message) => new PackRefused('members', message);
  const named = manifest.members.map((one) => one.name);
  const held = [...members.keys()];
  const missing = named.find((name) => !members.has(name));
  if (missing) throw wrong(`${missing} is missing`);
  const known = new Set(named);
  const unknown = held.find((name) => !known.has(name));
  if (unknown) throw wrong(`the manifest does not name ${unknown}`);
  const sorted = [...named].sort(before).join('\n');
  if (held.join('\n') !== named.join('\n') || named.join('\n') !== sorted) {
    throw wrong('the members stand in another order');
  }
  for (const one of manifest.members) {
    const body = members.get(one.name);
    if (body.length !== one.bytes || (await sha256hex(body)) !== one.sha256) {
      throw wrong(`${one.name} is not what was signed`);
    }
  }
}
