// Entries (schema ata.event.v1), their commitments, and the event that the openings show.

const entrySchema = 'ata.event.v1';
const texts =
  'agent approval connection instance operation request session skill'.split(' ');
const closed = {
  outcome: 'success failure denied expired cancelled pending unknown'.split(' '),
  severity: 'INFO LOW MEDIUM HIGH CRITICAL'.split(' '),
  source: 'portal defenseclaw auth0 broker external'.split(' '),
  via: 'web api cli task import tenant broker phone'.split(' '),
};
const forms = {
  id: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  salt: /^[0-9a-f]{32}$/,
  action: /^[a-z][a-z0-9_]*(\.[A-Za-z0-9_:-]+)+$/,
  intent_hash: /^([0-9a-f]{64})?$/,
  time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/,
  recorded_at: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/,
};
const objects = 'actor on_behalf_of target reason changes data private evidence schema'.split(' ');
const person = ['email', 'iss', 'name', 'sub'];

function parseEntry(bytes) {
  const document = parsed(bytes, 'the entry');
  if (!isObject(document) || document.schema !== entrySchema) {
    throw new Refused(`it is not an entry of schema ${entrySchema}`);
  }
  if (!equal(utf8.encode(canonical(document)), bytes)) {
    throw new Refused('it is not in canonical form (RFC 8785)');
  }
  const wrong = wrongMember(document);
  if (wrong) throw new Refused(`/${wrong}: is not written as this schema writes it`);
  return document;
}

// The first member of an entry that has another form; empty where all are as they must be.
function wrongMember(document) {
  const wanted = [...texts, ...Object.keys(closed), ...Object.keys(forms), ...objects].sort();
  if (!hasMembers(document, wanted)) return 'members';
  const { actor, on_behalf_of: behalf, target, evidence, private: sealed } = document;
  const plain =
    texts.find((name) => typeof document[name] !== 'string') ??
    Object.keys(closed).find((name) => !closed[name].includes(document[name])) ??
    Object.keys(forms).find((name) => !forms[name].test(document[name])) ??
    ['time', 'recorded_at'].find((name) => Number.isNaN(Date.parse(document[name])));
  if (plain) return plain;
  if (!hasMembers(actor, [...person, 'roles'].sort()) || !isPerson(actor)) return 'actor';
  const roles = Array.isArray(actor.roles) ? [...new Set(actor.roles)].sort() : [null];
  if (roles.some((role) => typeof role !== 'string') || roles.join() !== actor.roles.join()) {
    return 'actor/roles';
  }
  if (behalf !== null && !(hasMembers(behalf, person) && isPerson(behalf))) return 'on_behalf_of';
  if (target !== null && !isTarget(target)) return 'target';
  if (!isObject(document.data)) return 'data';
  const keys = isObject(sealed) ? Object.keys(sealed) : [''];
  const fits = (key) => /^[A-Za-z0-9_.:/-]{1,100}$/.test(key) && !(key in document.data);
  if (!keys.every((key) => fits(key) && isSealed(sealed[key]))) return 'private';
  if (!isSealed(document.reason) || !isSealed(document.changes)) return 'reason';
  return Array.isArray(evidence) && evidence.every(isReference) ? '' : 'evidence';
}

function hasMembers(value, names) {
  return isObject(value) && Object.keys(value).sort().join(' ') === names.join(' ');
}

function isPerson(value) {
  return typeof value.iss === 'string' && [value.sub, value.name, value.email].every(isSealed);
}

function isTarget(value) {
  const plain = hasMembers(value, ['instance', 'kind', 'name']);
  const written = plain && typeof value.kind === 'string' && typeof value.instance === 'string';
  return written && isSealed(value.name);
}

function isReference(value) {
  const written = hasMembers(value, ['digest', 'kind']) && typeof value.kind === 'string';
  return written && value.kind !== '' && /^[0-9a-f]{64}$/.test(value.digest);
}

function isSealed(value) {
  if (value === null) return true;
  return hasMembers(value, ['$commit']) && /^[A-Za-z0-9+/]{43}=$/.test(value.$commit);
}

async function commitment(path, salt, value) {
  if (salt.length !== 16) throw new Refused(`the salt of ${path} has not 16 bytes`);
  const head = utf8.encode(`ata.commit.v1\n${path}\n`);
  return base64Of(await sha256(joined(head, salt, utf8.encode(canonical(value)))));
}

// The event with its values opened; what has no opening is erased or was not released.
async function reveal(document, body, index) {
  const openings = parsed(body, 'the openings');
  if (!equal(utf8.encode(canonical(openings)), body)) {
    throw new Refused('they are not in canonical form (RFC 8785)');
  }
  const given = openings.openings;
  if (!Array.isArray(given)) throw new Refused('they cannot be read');
  const waiting = new Map(given.map((one) => [String(one.path), one]));
  const total = waiting.size;
  if (total !== given.length) throw new Refused('two openings are for one field');
  const missing = [];
  const opened = async (path, sealed, empty = '') => {
    if (sealed === null) return empty;
    const opening = waiting.get(path);
    if (!opening) {
      missing.push(path);
      return { erased: true };
    }
    waiting.delete(path);
    if ((await commitment(path, fromHex(opening.salt), opening.value)) !== sealed.$commit) {
      throw new Refused(`${path}: the opening does not match the commitment`);
    }
    return opening.value;
  };
  const { salt: _salt, private: sealed, ...event } = document;
  for (const person of ['actor', 'on_behalf_of']) {
    if (document[person] === null) continue;
    event[person] = { ...document[person] };
    for (const key of ['sub', 'name', 'email']) {
      event[person][key] = await opened(`${person}.${key}`, document[person][key]);
    }
  }
  if (document.target !== null) {
    const name = await opened('target.name', document.target.name);
    event.target = { ...document.target, name };
  }
  event.reason = await opened('reason', document.reason);
  event.changes = await opened('changes', document.changes, null);
  event.data = { ...document.data };
  for (const [key, value] of Object.entries(sealed)) {
    event.data[key] = await opened(`private.${key}`, value, null);
  }
  if (waiting.size) {
    throw new Refused(`${[...waiting.keys()][0]}: an opening for a field without a commitment`);
  }
  return { event: { ...event, index }, opened: total, missing };
}

// The ranges that an entry says an erasure touched; null where it is no certificate of one.
function certificateOf(index, document) {
  const ranges = document.data.ranges;
  const ends = ['subject.erased', 'erasure.replayed'].includes(document.action);
  if (!ends || document.source !== 'portal' || !Array.isArray(ranges)) return null;
  const isRange = (one) => Array.isArray(one) && one.length === 2 && one.every(Number.isInteger);
  return { index, ranges: ranges.filter((one) => isRange(one) && one[1] < index) };
}

// State and sentence of what is missing in an event; null where nothing is.
function missingValues(index, revealed, withheld, certificates) {
  const held = withheld.paths.get(String(index));
  const named = revealed.missing.filter((path) => !held?.has(path)).length;
  const gone = named - (withheld.counts.get(String(index)) ?? 0);
  if (gone <= 0) return null;
  const covers = ([first, last]) => first <= index && index <= last;
  const covering = certificates.find((one) => one.ranges.some(covers));
  const values = count(gone, 'value');
  if (covering) return ['ok', `${values} erased, as entry ${covering.index} certifies.`];
  const why = 'and no certificate of erasure in the pack accounts for it: ask why.';
  return ['unchecked', `${values} missing, ${why}`];
}
