// All checks of a pack in order: the report has the shape that `ata verify --json` prints.

const bodyKinds = ['id_token', 'approval_token', 'assertion', 'acknowledgement'];
const saidAtMost = 50; // of what is not in a pack
const stateOf = { counts: 'ok', aside: 'aside', refused: 'failed', unknown: 'unchecked' };

function check(name, state, detail) {
  return { name: names[name], state, detail };
}

async function attempt(name, work) {
  try {
    return check(name, 'ok', await work());
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return check(name, error.state, sentence(error.message));
  }
}

// A pack that its own log signed may still hold what nobody foresaw: that is a failure, not a crash.
async function checkedPack(bytes, roots) {
  try {
    return await checkPack(bytes, roots);
  } catch (error) {
    const failed = { name: 'The pack can be checked here', state: 'failed', detail: `${error}.` };
    return reportOfPack('', [failed], [], [nothing]);
  }
}

// roots: {logs: [vkey…], issuerKeys: {issuer: JWKS}, passkeys: {id: passkey}}
async function checkPack(bytes, roots) {
  let pack;
  try {
    pack = await readPack(bytes);
  } catch (error) {
    if (!(error instanceof PackRefused)) throw error;
    return refusedReport(error);
  }
  const told = tellApart(pack);
  const followed = await followedHistory(pack, roots);
  roots = { ...roots, logs: followed.logs, moves: followed.moves };
  const size = pack.members.size + 2;
  const checks = [
    check('archive', 'ok', `${size} members, each bit accounted for.`),
    check('manifest', 'ok', `It is of the log ${pack.manifest.origin}.`),
    await signedManifest(pack, roots),
    roots.logs.length
      ? check('members', 'ok', 'None was added, taken, moved or changed.')
      : check('members', 'unchecked', unsignedManifest),
    ...followed.checks,
    ...toldOf(roots.moves, pack.manifest.origin),
    await attempt('events', async () => complete(told)),
    await attempt('evidence', async () => named(told)),
  ];
  const events = [];
  for (const index of told.indices) events.push(await checkEvent(told, index, roots));
  const limits = notProven(told, events, roots.moves);
  return reportOfPack(pack.manifest.words, checks, events, limits);
}

function reportOfPack(words, checks, events, limits) {
  const intact = checks.every((one) => one.state === 'ok') && events.every((one) => one.ok);
  const verdict = verdictOf(checks, events);
  const ok = verdict.state === 'verified';
  return { ok, intact, verdict, words, checks, events, not_proven: limits };
}

function refusedReport(error) {
  const order = ['archive', 'manifest', 'members'];
  const at = order.indexOf(error.check);
  const advice = error.check === 'archive' ? ` ${oneForm}` : '';
  const later = [...order.slice(at + 1), 'signed', 'events', 'evidence'];
  const checks = [
    ...order.slice(0, at).map((name) => check(name, 'ok', 'It holds.')),
    check(error.check, 'failed', sentence(error.message) + advice),
    ...later.map((name) => check(name, 'unchecked', earlier)),
  ];
  return reportOfPack('', checks, [], [nothing]);
}

async function signedManifest(pack, roots) {
  if (!roots.logs.length) return check('signed', 'unchecked', noLogKey);
  return attempt('signed', async () => {
    let note;
    try {
      note = parseNote(textOf(pack.note));
    } catch {
      throw new Refused('it is not a signed note');
    }
    await verifyNote(note, roots.logs, pack.manifest.origin);
    if (note.text !== pack.statement) throw new Refused('the signature is over another manifest');
    if (note.signatures.length !== 1) throw new Refused('there is more than the one signature');
    return `${pack.manifest.origin} signed it, and so each member.`;
  });
}

function tellApart(pack) {
  const files = [...pack.members.keys()];
  const events = files.filter((name) => name.startsWith('events/'));
  const indices = [...new Set(events.map((name) => Number(name.slice(7, 19))))].sort((a, b) => a - b);
  const bodies = new Map();
  for (const [name, body] of pack.members) {
    if (bodyKinds.includes(kindOf(name))) bodies.set(digestOf(name), body);
  }
  const withheld = withheldOf(pack.manifest.withheld);
  const part = (index, kind) =>
    pack.members.get(`events/${String(index).padStart(12, '0')}.${kind}`);
  const certificates = indices.map((index) => certified(index, part(index, 'entry'))).filter(Boolean);
  return { pack, indices, bodies, part, certificates, withheld };
}

// What a manifest says is not in its pack, found by name and by entry without a search.
function withheldOf(told) {
  const items = (Array.isArray(told) ? told : []).filter(isObject);
  const named = items.filter((one) => typeof one.name === 'string');
  const byName = new Map(named.map((one) => [one.name, one]));
  const paths = new Map();
  const counts = new Map();
  for (const one of named) {
    const { name } = one;
    counts.set(name, (counts.get(name) ?? 0) + countedValues(one));
    if (one.kind !== 'value') continue;
    const [index] = name.split(':', 1);
    if (!paths.has(index)) paths.set(index, new Set());
    paths.get(index).add(name.slice(index.length + 1));
  }
  return { items, byName, paths, counts };
}

function certified(index, entry) {
  try {
    return certificateOf(index, parseEntry(entry ?? new Uint8Array()));
  } catch {
    return null;
  }
}

function digestOf(name) {
  return name.split('/')[1].split('.')[0];
}

function complete(told) {
  const checkpoint = told.pack.members.get('log/checkpoint') ?? new Uint8Array();
  for (const index of told.indices) {
    for (const kind of ['entry', 'openings.json', 'tlog-proof']) {
      if (!told.part(index, kind)) throw new Refused(`Entry ${index} is without its ${kind}`);
    }
    const proof = told.part(index, 'tlog-proof');
    const tail = joined(utf8.encode('\n\n'), checkpoint);
    if (proof.length < tail.length || !equal(proof.slice(-tail.length), tail)) {
      throw new Refused(`The proof of entry ${index} is of another tree`);
    }
  }
  if (!told.indices.length) throw new Refused('There is no event in it');
  return `${count(told.indices.length, 'event')}, of one tree.`;
}

async function named(told) {
  const wanted = new Map();
  for (const index of told.indices) {
    let document = null;
    try {
      document = parsed(told.part(index, 'entry') ?? new Uint8Array(), 'it');
    } catch {
      continue;
    }
    const listed = Array.isArray(document?.evidence) ? document.evidence.filter(isObject) : [];
    for (const one of listed) wanted.set(String(one.digest), String(one.kind));
  }
  for (const [name, body] of told.pack.members) {
    if (!/^(evidence|issuer)\//.test(name)) continue;
    if ((await sha256hex(body)) !== digestOf(name)) throw new Refused(`${name} holds another body`);
    const kind = kindOf(name);
    if (bodyKinds.includes(kind) && wanted.get(digestOf(name)) !== kind) {
      throw new Refused(`No entry names ${name}`);
    }
  }
  const withheld = told.withheld.byName;
  for (const [digest, kind] of wanted) {
    if (bodyKinds.includes(kind) && !told.bodies.has(digest) && !withheld.has(digest)) {
      const what = `The ${kind} ${digest.slice(0, 12)}…`;
      throw new Refused(`${what} is neither there nor said to be withheld`);
    }
  }
  const held = `${count(told.bodies.size, 'body', 'bodies')} of evidence`;
  const absent = [...wanted].filter(([digest, kind]) => bodyKinds.includes(kind) && !told.bodies.has(digest));
  if (!absent.length) return `${held}.`;
  const are = absent.length === 1 ? 'is' : 'are';
  return `${held}; ${absent.length} that the entries name ${are} not in it.`;
}

async function checkEvent(told, index, roots) {
  const entry = told.part(index, 'entry') ?? new Uint8Array();
  const { checks, log } = await checkRecord(told, index, entry, roots);
  let revealed = null;
  checks.push(
    await attempt('openings', async () => {
      try {
        const body = told.part(index, 'openings.json') ?? new Uint8Array();
        revealed = await reveal(parseEntry(entry), body, index);
      } catch (error) {
        if (error instanceof Refused) throw error;
        throw new Refused('They cannot be read');
      }
      return `${count(revealed.opened, 'value')} as committed to in the entry.`;
    }),
  );
  const missing =
    revealed && missingValues(index, revealed, told.withheld, told.certificates);
  if (missing) checks.push(check('values', ...missing));
  const claim = { actor: null, approvers: [], signedIn: [], signed: [], acts: [], gaps: [] };
  const report = { index, id: '', said: {}, checks, human: unnamed(), log, claimed: null, claim };
  if (revealed) await checkPeople(told, revealed.event, roots, report);
  report.ok = checks.every((one) => one.state !== 'failed');
  return report;
}

function unnamed() {
  const reasons = ['The entry cannot be opened, so no one is named.'];
  return { code: 'H0', words: levelWords.H0, reasons };
}

async function checkRecord(told, index, entry, roots) {
  let proof = null;
  let head = null;
  const needs = (thing) => {
    if (!roots.logs.length) throw new Refused(noLogKey, 'unchecked');
    if (!thing) throw new Refused(earlier, 'unchecked');
  };
  const checks = [
    await attempt('proof', async () => {
      proof = parseProof(told.part(index, 'tlog-proof') ?? new Uint8Array());
      return `It is for entry ${proof.index}.`;
    }),
    await attempt('tree', async () => {
      needs(proof);
      const found = headOf(proof.note);
      await verifyNote(proof.note, roots.logs, found.origin);
      head = found;
      return `${head.origin} signed a tree of ${head.size} entries.`;
    }),
    ...(head ? toldOf(roots.moves, head.origin) : []),
    await attempt('entry', async () => {
      const { action, outcome, recorded_at: at } = parseEntry(entry);
      return `${action} (${outcome}), recorded ${at}.`;
    }),
    await attempt('inclusion', async () => {
      needs(proof && head);
      const leaf = await leafHash(entry);
      await verifyInclusion(leaf, proof.index, head, proof.hashes);
      const path = `leads to the root through ${proof.hashes.length} hashes`;
      return `Its hash ${hexOf(leaf).slice(0, 16)}… ${path}.`;
    }),
  ];
  // A browser cannot read certificates: `ata verify --tsa-ca` does.
  if (told.pack.members.has('log/time-token')) checks.push(check('time', 'unchecked', noAuthority));
  if (proof && Number(proof.index) !== index) {
    checks.push(check('events', 'failed', `The proof is for entry ${proof.index}.`));
  }
  const code = checks[1].state === 'ok' && checks[3].state === 'ok' ? 'L1' : 'L0';
  const place = head && `It is entry ${proof.index} of ${head.size} in the tree of ${head.origin}.`;
  const reasons = code === 'L1' ? [place, 'Witnesses are not checked here.'] : ['No proof holds.'];
  return { checks, log: { code, words: levelWords[code], reasons } };
}

async function checkPeople(told, event, roots, report) {
  const keys = {};
  for (const [name, set] of Object.entries(roots.issuerKeys)) keys[name || event.actor.iss] = set;
  const judged = await judge(event, told.bodies, keys, roots.passkeys);
  for (const one of judged) {
    const absent = told.withheld.byName.has(one.digest);
    const state = absent && one.state === 'unknown' ? 'withheld' : stateOf[one.state];
    report.checks.push(check(one.kind, state, evidenceDetail(one, told)));
  }
  report.id = event.id;
  report.human = humanLevel(event, judged);
  report.said = said(event, judged, report.human);
  report.claim = claimOf(event, judged, report.human, told);
  if (judged.some((one) => one.state === 'unknown')) {
    told.ownKeys ??= packKeys(told);
    told.ownPasskeys ??= packPasskeys(told);
    const own = await judge(event, told.bodies, told.ownKeys, told.ownPasskeys);
    const claimed = humanLevel(event, own);
    if (claimed.code > report.human.code) report.claimed = claimed;
  }
}

function packKeys(told) {
  const found = new Map();
  for (const [name, body] of told.pack.members) {
    if (kindOf(name) !== 'issuer_keys') continue;
    try {
      const value = parsed(body, 'it');
      if (!Array.isArray(value.keys)) continue;
      if (!found.has(value.iss)) found.set(value.iss, []);
      found.get(value.iss).push(value.keys);
    } catch {
      continue;
    }
  }
  const sets = [...found].map(([issuer, one]) => [issuer, { keys: distinctKeys(one) }]);
  return Object.fromEntries(sets);
}

function packPasskeys(told) {
  try {
    return readPasskeys(told.pack.members.get('passkeys.json') ?? new Uint8Array());
  } catch {
    return {};
  }
}

// Each change of name by which a log came to its keys, with what was lost.
function toldOf(moves, origin) {
  return wayTo(moves, origin).map((move) => check('moved', 'ok', moveWords(move)));
}

function notProven(told, events, moves) {
  const unchecked = new Set();
  for (const event of events) {
    for (const one of event.checks) if (one.state === 'unchecked') unchecked.add(one.name);
  }
  const absent = [...new Set(told.withheld.items.map(withheldWords))];
  return [
    ...always,
    ...wayTo(moves, told.pack.manifest.origin).map(movedUnproven),
    sameForAll,
    ...absent.slice(0, saidAtMost),
    ...(absent.length > saidAtMost
      ? [`${count(absent.length - saidAtMost, 'more', 'more')} are not in it, as its manifest names them.`]
      : []),
    ...[...unchecked].sort().map((name) => `${name}: not checked here.`),
    ...(events.some((event) => event.claimed) ? [ownClaim] : []),
  ];
}
