// The members of an audit file, a ZIP of any form, and the evidence packs among them.

const partOfAuditFile = /(?:^|\/)(?:log\/range\.ndjson|evidence\/items-[0-9]{3}\.zip)$/;
const packInAuditFile = /(?:^|\/)(evidence\/items-[0-9]{3}\.zip)$/;
const longestComment = 65_535;
const mostInside = 4 * longest; // bytes of all packs of one audit file
const mostPacks = 999; // no more names fit the form

// The evidence packs in an audit file as [{name, bytes}], or null where the bytes are none. Where the
// file has a manifest, only those that it names; `others` counts the rest.
async function packsInside(bytes) {
  const all = membersListed(bytes).filter((one) => !isAddedBySystem(one.name));
  if (!all.some((one) => partOfAuditFile.test(one.name))) return null;
  const named = await packsNamed(bytes, all);
  const budget = { left: mostInside };
  const found = [];
  found.others = 0;
  for (const one of all) {
    const name = packInAuditFile.exec(one.name)?.[1];
    if (!name) continue;
    if (found.length >= mostPacks || !(named?.has(name) ?? true)) found.others += 1;
    else found.push({ name, bytes: await memberBytes(bytes, one, budget) });
    named?.delete(name);
  }
  return found;
}

async function packsNamed(bytes, all) {
  const one = all.find(({ name }) => /(?:^|\/)manifest\.json$/.test(name));
  try {
    const said = parsed(await memberBytes(bytes, one, { left: longestManifest }), 'it');
    return new Set(said.members.map((member) => member.name));
  } catch {
    return null;
  }
}

function isAddedBySystem(name) {
  const parts = name.split('/');
  const last = parts[parts.length - 1];
  const files = ['.DS_Store', 'Thumbs.db', 'desktop.ini'];
  return parts[0] === '__MACOSX' || files.includes(last) || last.startsWith('._');
}

// What the directory at the end of a ZIP lists; nothing where there is none that can be read.
function membersListed(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const last = Math.max(0, bytes.length - 22 - longestComment);
  let end = bytes.length - 22;
  while (end >= last && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  if (end < last || end < 0) return [];
  const found = [];
  let at = view.getUint32(end + 16, true);
  while (at + 46 <= end && view.getUint32(at, true) === 0x02014b50) {
    const named = view.getUint16(at + 28, true);
    found.push({
      name: new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + named)),
      method: view.getUint16(at + 10, true),
      packed: view.getUint32(at + 20, true),
      offset: view.getUint32(at + 42, true),
    });
    at += 46 + named + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return found;
}

// The bytes of one member; what cannot be read, or is longer than `most` or than what is left of the
// budget, is empty, which no pack is. What was unpacked for nothing is taken off the budget as well.
async function memberBytes(bytes, { method, packed, offset }, budget, most = longest) {
  const none = new Uint8Array();
  if (offset + 30 > bytes.length) return none;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  const held = bytes.subarray(start, start + packed);
  if (method === 0) return (budget.left -= held.length) < 0 ? none : held;
  if (method !== 8 || budget.left <= 0) return none;
  const stream = new Blob([held]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const reader = stream.getReader();
  const parts = [];
  let size = 0;
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      size += read.value.length;
      budget.left -= read.value.length;
      if (size > most || budget.left < 0) {
        await reader.cancel();
        return none;
      }
      parts.push(read.value);
    }
  } catch {
    return none;
  }
  return joined(...parts);
}
