// The log in an audit file: whose manifest it has, and whether an entry of its period is missing.
// `audit/ledger/audit_file_format/audit_file_check.py` has the same checks, and those that a browser
// leaves to `ata verify`: what the file concludes from these entries.

const auditFileSchema = 'ata.audit-file.v1';
const rangeSchema = 'ata.entry-range.v1';
const rangeName = 'log/range.ndjson';
const longestRange = 192 * 1024 * 1024; // bytes that a tab holds without trouble
const longestUnpacked = 1024 * 1024 * 1024;
const mostEntries = 200_000;
const mostAuditFiles = 2_000;
const stampForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const periodForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000Z$/;
const sha256Form = /^[0-9a-f]{64}$/;

// The checks in order, of which the first that does not hold ends them, and what was read.
async function checkedRange(bytes, logs) {
  const file = {};
  const steps = [
    ['manifest', async () => readAuditFile(bytes, file)],
    ['signed', async () => manifestSignedBy(file, logs)],
    ['files', async () => eachFile(bytes, file)],
    ['range', async () => entriesOf(file, logs)],
    ['reaches', async () => reachesOver(file)],
  ];
  const checks = [];
  for (const [name, step] of steps) {
    const stop = checks.find((one) => one.state !== 'ok');
    const why = stop?.state === 'failed' ? earlier : stop?.detail;
    checks.push(stop ? check(name, 'unchecked', why) : await attempt(name, step));
  }
  return { checks, file };
}

async function readAuditFile(bytes, file) {
  file.members = membersByName(membersListed(bytes));
  const read = async (name, most) => {
    const one = file.members.get(name);
    const found = one && (await memberBytes(bytes, one, { left: most }));
    if (!found?.length) throw new Refused(`${name} is missing or cannot be read`);
    return found;
  };
  const raw = await read(manifestName, longestManifest);
  const manifest = parsed(raw, 'it');
  if (!isObject(manifest) || manifest.schema !== auditFileSchema) {
    throw new Refused(`it is no manifest of schema ${auditFileSchema}`);
  }
  if (!equal(utf8.encode(canonical(manifest)), raw)) {
    throw new Refused('it is not in canonical form (RFC 8785)');
  }
  if (!isAuditManifest(manifest)) throw new Refused('its fields have another form');
  const names = manifest.members.map((one) => one.name);
  if (new Set(names).size !== names.length || !names.includes(rangeName)) {
    throw new Refused(`it names a file twice, or no ${rangeName}`);
  }
  file.manifest = manifest;
  file.statement = `${auditFileSchema}\n${await sha256hex(raw)}\n`;
  file.note = await read(signatureName, 64 * 1024);
  return `It is of the log ${manifest.origin}.`;
}

function isAuditManifest({ origin, tree, range, period, members }) {
  return (
    typeof origin === 'string' &&
    isObject(tree) && Number.isSafeInteger(tree.size) && sha256Form.test(tree.root) &&
    isObject(range) && typeof range.complete === 'boolean' &&
    [range.start, range.end].every(Number.isSafeInteger) &&
    isObject(period) && [period.after, period.before].every((one) => typeof one === 'string' && periodForm.test(one)) &&
    period.after < period.before &&
    Array.isArray(members) && members.length <= mostAuditFiles &&
    members.every((one) => isObject(one) && typeof one.name === 'string' &&
      sha256Form.test(one.sha256) && Number.isSafeInteger(one.bytes) && one.bytes >= 0)
  );
}

// Members without a folder around them and what systems add; a name that could be two is refused.
function membersByName(listed) {
  const kept = listed.filter(({ name }) => !name.endsWith('/') && !isAddedBySystem(name));
  if (kept.length > mostAuditFiles || !listed.some((one) => one.offset === 0)) {
    throw new Refused('it has too many files, or something stands before its first one');
  }
  const inside = kept.find(({ name }) => name.endsWith(`/${manifestName}`));
  const around = kept.some(({ name }) => name === manifestName) || !inside
    ? ''
    : inside.name.slice(0, inside.name.indexOf('/') + 1);
  const folder = kept.every(({ name }) => name.startsWith(around)) ? around : '';
  const found = new Map();
  const spellings = new Set();
  for (const one of kept) {
    const name = one.name.slice(folder.length);
    const spelling = name.normalize('NFKC').toLowerCase();
    if (spellings.has(spelling)) throw new Refused(`${name} is in it twice`);
    spellings.add(spelling);
    found.set(name, one);
  }
  return found;
}

async function manifestSignedBy(file, logs) {
  if (!logs.length) throw new Refused(noLogKey, 'unchecked');
  const note = parseNote(readText(file.note, 'its signature'));
  const { origin, key_statements: statements } = file.manifest;
  try {
    await verifyNote(note, logs, origin);
  } catch (error) {
    if (!statements || !(error instanceof Refused)) throw error;
    throw new Refused('the keys of its log changed; use `ata verify`', 'unchecked');
  }
  if (note.text !== file.statement) throw new Refused('the signature is over another manifest');
  return `${origin} signed it, and so each file.`;
}

function readText(bytes, what) {
  try {
    return textOf(bytes);
  } catch {
    throw new Refused(`${what} is not UTF-8`);
  }
}

async function eachFile(bytes, file) {
  const { members } = file.manifest;
  const size = members.reduce((sum, one) => sum + one.bytes, 0);
  const range = members.find((one) => one.name === rangeName);
  if (size > longestUnpacked || range.bytes > longestRange) {
    throw new Refused('it is too large for a browser; use `ata verify`', 'unchecked');
  }
  for (const one of members) {
    const held = file.members.get(one.name);
    if (!held) throw new Refused(`${one.name} is missing`);
    const body = await memberBytes(bytes, held, { left: one.bytes }, longestRange);
    if (body.length !== one.bytes || (await sha256hex(body)) !== one.sha256) {
      throw new Refused(`${one.name} was changed`);
    }
    if (one.name === rangeName) file.range = body;
  }
  return `${count(members.length, 'file')}; none was removed, replaced or changed.`;
}

async function entriesOf(file, logs) {
  const lines = linesOf(file.range);
  const first = parsed(lines.next().value ?? new Uint8Array(), 'its first line');
  if (!isObject(first) || first.schema !== rangeSchema || typeof first.checkpoint !== 'string') {
    throw new Refused(`the first line is no header of ${rangeSchema}`);
  }
  const { origin, tree, range } = file.manifest;
  const note = parseNote(first.checkpoint);
  await verifyNote(note, logs, origin);
  const head = headOf(note);
  const same = head.origin === origin && head.size === BigInt(tree.size) && hexOf(head.root) === tree.root;
  const { start, end } = range;
  if (!same || first.start !== start || first.end !== end || first.size !== tree.size) {
    throw new Refused('the range is of another tree than the manifest says');
  }
  if (!(start >= 0 && start < end && end <= tree.size && end - start <= mostEntries)) {
    throw new Refused('the range lies outside the tree, or is too long');
  }
  const leaves = [];
  file.closed = 0;
  for (let index = start; index < end; index += 1) {
    const one = entryOf(lines.next().value, index);
    leaves.push(one.leaf ?? (await leafHash(one.entry)));
    if (one.leaf) file.closed += 1;
    if (index === start) file.first = one;
    file.last = one;
  }
  if (!lines.next().done) throw new Refused('there are more entries than the range says');
  const outside = hashesOf(first.outside);
  if (!equal(await rootOver(leaves, start, tree.size, outside), head.root)) {
    throw new Refused('the entries do not have the root that the log signed');
  }
  return `${count(end - start, 'entry', 'entries')} from ${start} on have the root that ${origin} signed for ${tree.size.toLocaleString('en')}.`;
}

function* linesOf(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at);
    if (end < 0) throw new Refused('its last line is cut short');
    yield bytes.subarray(at, end);
    at = end + 1;
  }
}

function entryOf(line, index) {
  if (!line) throw new Refused(`entry ${index} is missing: the file ends before it`);
  const said = parsed(line, `entry ${index}`);
  if (!isObject(said) || said.index !== index) {
    throw new Refused(`entry ${index} is missing: another line stands there`);
  }
  if (typeof said.entry === 'string') return { entry: utf8.encode(said.entry) };
  if (!sha256Form.test(said.leaf)) throw new Refused(`entry ${index} cannot be read`);
  return { leaf: fromHex(said.leaf) };
}

function hashesOf(list) {
  if (!Array.isArray(list) || !list.every((one) => sha256Form.test(one))) {
    throw new Refused('the hashes around the range cannot be read');
  }
  return list.map(fromHex);
}

// The root of a tree of `size` with these leaves from `start` on, and these hashes around them.
async function rootOver(leaves, start, size, outside) {
  const end = start + leaves.length;
  const left = [...outside];
  const walk = async (low, high) => {
    if (high <= start || low >= end) {
      if (!left.length) throw new Refused('a hash of the tree around the range is missing');
      return left.shift();
    }
    if (high - low === 1) return leaves[low - start];
    let middle = 1;
    while (middle * 2 < high - low) middle *= 2;
    const one = await walk(low, low + middle);
    return sha256(joined(Uint8Array.of(1), one, await walk(low + middle, high)));
  };
  const root = await walk(0, size);
  if (left.length) throw new Refused('there are more hashes around the range than the tree has');
  return root;
}

async function reachesOver(file) {
  const { range, period, tree } = file.manifest;
  if (!range.complete) return 'Not claimed: some entries are there by their hash alone.';
  if (file.closed) throw new Refused('entries are there by their hash alone');
  if (range.start > 0 && recordedAt(file.first) >= period.after) {
    throw new Refused('entries that were recorded in the period stand before the range');
  }
  if (range.end < tree.size && recordedAt(file.last) < period.before) {
    throw new Refused('entries that were recorded in the period stand after the range');
  }
  file.until = signedUntil(file);
  return file.until
    ? `It begins before all that was recorded in the period, and ends with ${file.until}, ${lastSigned}.`
    : 'It begins before and ends after all that was recorded in the period.';
}

// The last signed entry where the period ends later than it, else ''.
function signedUntil({ manifest: { range, period }, last }) {
  const recorded = recordedAt(last);
  if (recorded >= period.before) return '';
  return `entry ${(range.end - 1).toLocaleString('en')}, recorded ${moment(recorded)}`;
}

function recordedAt({ entry }) {
  const found = parsed(entry, 'an entry').recorded_at;
  if (!stampForm.test(found)) throw new Refused('an entry has no time of its recording');
  return found;
}

// The report of the file around the packs: what it concludes from the entries is not checked here.
async function reportOfAuditFile(bytes, packs, logs) {
  try {
    return await checkedAuditFile(bytes, packs, logs);
  } catch (error) {
    const words = `NOT verified. The file cannot be checked here: ${error}.`;
    const verdict = { state: 'failed', words, reasons: [] };
    return { ok: false, intact: false, file: true, verdict, words: '', checks: [], events: [], not_proven: [nothing] };
  }
}

async function checkedAuditFile(bytes, packs, logs) {
  const { checks, file } = await checkedRange(bytes, logs);
  const bad = checks.filter((one) => one.state === 'failed').map((one) => one.name);
  const open = checks.some((one) => one.state !== 'ok');
  const reasons = [auditFileHolds(packs.length), ...(packs.others ? [othersLeft(packs.others)] : [])];
  const verdict = { state: 'apart', words: auditFileWords, reasons };
  if (bad.length) Object.assign(verdict, { state: 'failed', words: `NOT verified. Failed: ${bad.join('; ')}.` });
  else if (!logs.length) Object.assign(verdict, { state: 'unsigned', words: unsignedWords });
  else if (!open) verdict.words = file.manifest.range.complete && !file.until ? noneMissing(file.manifest.period) : entriesHold;
  const limits = open ? [noneMissingUnproven, ...auditFileLimits] : rangeLimits(file.manifest, file.until);
  return { ok: false, intact: !bad.length, file: true, verdict, words: '', checks, events: [], not_proven: limits };
}
