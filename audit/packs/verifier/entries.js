// Entries (schema ata.event.v1), their commitments, and the event that the openings show.

const entrySchema = 'ata.event.v1';
const entryMembers =
  'action actor agent approval changes connection data evidence id instance intent_hash ' +
  'on_behalf_of operation outcome private reason recorded_at request salt schema session severity ' +
  'skill source target time via';

function parseEntry(bytes) {
  const document = parsed(bytes, 'the entry');
  if (!isObject(document) || document.schema !== entrySchema) {
    throw new Refused(`it is not an entry of schema ${entrySchema}`);
  }
  if (!equal(utf8.encode(canonical(document)), bytes)) {
    throw new Refused('it is not in canonical form (RFC 8785)');
  }
  if (Object.keys(document).sort().join(' ') !== entryMembers) {
    throw new Refused('it has other members than an entry');
  }
  const plain =
    isObject(document.actor) &&
    Array.isArray(document.actor.roles) &&
    isObject(document.data) &&
    isObject(document.private) &&
    Array.isArray(document.evidence) &&
    document.evidence.every(isObject);
  if (!plain) throw new Refused('a member of it has another form');
  return document;
}

async function commitment(path, salt, value) {
  if (salt.length !== 16) throw new Refused(`the salt of ${path} has not 16 bytes`);
  const head = utf8.encode(`ata.commit.v1\n${path}\n`);
  return base64Of(await sha256(joined(head, salt, utf8.encode(canonical(value)))));
}

// The event with its values opened; what has no opening is erased or was not released.
async function reveal(document, body, index) {
  const given = parsed(body, 'the openings').openings;
  if (!Array.isArray(given)) throw new Refused('they cannot be read');
  const waiting = new Map(given.map((one) => [String(one.path), one]));
  const total = waiting.size;
  if (total !== given.length) throw new Refused('two openings are for one field');
  const opened = async (path, sealed, empty = '') => {
    if (sealed === null) return empty;
    const opening = waiting.get(path);
    if (!opening) return { erased: true };
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
  return { event: { ...event, index }, opened: total };
}
