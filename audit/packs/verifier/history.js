// What was signed about a log's keys, as `audit/ledger/keyhistory.py` and `origins.py` read it: with
// a former key alone a reader comes to the present one, and is told what was lost on the way.

const keysSchema = 'ata.ledger-keys.v1';
const originSchema = 'ata.ledger-origin.v1';
const mostStatements = 1000;

async function followedHistory(pack, roots) {
  const body = pack.members.get('log/key-history');
  const aside = { checks: [], logs: roots.logs, moves: [] };
  if (!body) return aside;
  let found = aside;
  const one = await attempt('history', async () => {
    const statements = await readHistory(body);
    const { origin, tree } = pack.manifest;
    const { moves, keys } = await chainOf(statements, origin);
    await leadsToSigner(pack.note, keys, origin);
    const { kept } = moves[moves.length - 1];
    if (BigInt(tree.size) < kept.size) {
      throw new Refused(`${origin} began with ${kept.size} entries, and this tree has ${tree.size}`);
    }
    found = { logs: await ledTo(statements, roots.logs), moves };
    return `${count(statements.length, 'statement')}, each signed by the keys before it.`;
  });
  return { ...found, checks: [one] };
}

async function readHistory(body) {
  const told = parsed(body, 'it');
  if (!isObject(told) || !equal(utf8.encode(canonical(told)), body)) {
    throw new Refused('it is not in canonical form (RFC 8785)');
  }
  const { statements } = told;
  const fits = Array.isArray(statements) && statements.every((text) => typeof text === 'string');
  if (!fits || !statements.length || Object.keys(told).length !== 1) {
    throw new Refused('it is no list of statements');
  }
  if (new Set(statements).size !== statements.length) {
    throw new Refused('a statement stands in it twice');
  }
  return Promise.all(statements.map(parseStatement));
}

// {note, from, to, kept, last, held, old, new}; a change of keys under one name has no trees.
async function parseStatement(text) {
  const note = parseNote(text);
  const lines = note.text.slice(0, -1).split('\n');
  const moves = lines[0] === originSchema;
  if (lines.length < (moves ? 7 : 5) || (!moves && lines[0] !== keysSchema)) {
    throw new Refused(`it is no statement ${keysSchema}: origin, \`from\` and a size, keys`);
  }
  const [from, to] = moves ? lines.slice(1, 3) : [lines[1], lines[1]];
  const said = { note, from, to, moves };
  if (moves) Object.assign(said, treesOf(lines, from, to));
  else if (!lines[2].startsWith('from ')) throw new Refused('after the origin comes `from` a size');
  else sizeOf(lines[2].slice(5));
  return Object.assign(said, await keysOf(lines.slice(moves ? 5 : 3), { old: from, new: to }, moves));
}

function treesOf(lines, from, to) {
  if (from === to) throw new Refused(`a log that goes on as ${to} had another name before`);
  const kept = /^kept (\S+) (\S+)$/.exec(lines[3]);
  const last = /^last (\S+) (\S+) (held|lost)$/.exec(lines[4]);
  if (!kept || !last) {
    throw new Refused('after the names come `kept` and `last`, each with a size and a root');
  }
  const [one, two] = [kept, last].map(([, size, root]) => {
    const bytes = fromBase64(root, 'a root of the statement');
    if (bytes.length !== 32) throw new Refused(`a root has 32 bytes, not ${bytes.length}`);
    return { size: sizeOf(size), root: bytes };
  });
  const held = last[3] === 'held';
  const differ = one.size === two.size && !equal(one.root, two.root);
  if (held && (one.size < two.size || differ)) {
    throw new Refused('a tree that is not larger cannot hold another one');
  }
  return { kept: one, last: two, held };
}

async function keysOf(lines, names, moves) {
  const keys = { old: [], new: [] };
  for (const line of lines) {
    const [word, vkey = ''] = [line.slice(0, 3), line.slice(4)];
    if (!keys[word] || line[3] !== ' ' || (word === 'old' && keys.new.length)) {
      throw new Refused('the lines `old <vkey>` come first, then the lines `new <vkey>`');
    }
    const key = { ...(await parseVkey(vkey)), text: vkey };
    if (key.name !== names[word]) {
      throw new Refused(`${vkey.slice(0, 80)} is not a key of the log ${names[word]}`);
    }
    keys[word].push(key);
  }
  const twice = (some) => new Set(some.map((key) => key.text.split('+').pop())).size !== some.length;
  const both = moves ? [[...keys.old, ...keys.new]] : [keys.old, keys.new];
  if (both.some(twice) || [keys.old, keys.new].some((some) => some.every((key) => key.unused))) {
    throw new Refused('both sides name an Ed25519 key, and no key twice');
  }
  return keys;
}

const identityOfKey = (key) => `${key.name} ${hexOf(key.key)}`;
const amongst = (some, ids) => some.filter((key) => !key.unused && ids.has(identityOfKey(key)));

// The keys to which some lead; a statement of which no old key is among them leads nowhere.
async function ledTo(statements, keys) {
  const found = new Map(keys.filter((key) => !key.unused).map((key) => [identityOfKey(key), key]));
  const waiting = new Map(); // each statement is taken once, by the first of its old keys
  statements.forEach((one, at) => {
    for (const key of one.old.filter((each) => !each.unused)) {
      if (!waiting.has(identityOfKey(key))) waiting.set(identityOfKey(key), []);
      waiting.get(identityOfKey(key)).push(at);
    }
  });
  const taken = new Set();
  let fresh = [...found.keys()];
  while (fresh.length) {
    const named = fresh.flatMap((id) => waiting.get(id) ?? []);
    const ready = [...new Set(named)].filter((at) => !taken.has(at)).sort((a, b) => a - b);
    fresh = [];
    for (const at of ready) {
      const one = statements[at];
      taken.add(at);
      await signedByAll(one.note, one.old.filter((key) => !key.unused));
      if (one.moves) await signedByAll(one.note, one.new.filter((key) => !key.unused));
      for (const key of one.new.filter((each) => !each.unused && !found.has(identityOfKey(each)))) {
        found.set(identityOfKey(key), key);
        fresh.push(identityOfKey(key));
      }
    }
  }
  return [...found.values()];
}

async function signedByAll(note, keys) {
  for (const key of keys) await verifyNote(note, [key], key.name);
}

async function chainOf(statements, origin) {
  const moves = statements.filter((one) => one.moves);
  const begun = moves.map((one) => one.to);
  const follows = moves.every((one, at) => at === 0 || one.from === begun[at - 1]);
  const names = moves.length ? [moves[0].from, ...begun] : [];
  if (!moves.length || !follows || begun[begun.length - 1] !== origin) {
    throw new Refused(`the changes of name in it do not lead to ${origin}`);
  }
  if (new Set(names).size !== names.length) throw new Refused('a name is said to begin twice');
  if (statements.length > mostStatements) {
    throw new Refused('more than 1,000 statements about keys are refused');
  }
  const whole = await ledTo(statements, statements[0].old.filter((key) => !key.unused));
  const reached = new Set(whole.map(identityOfKey));
  if (!statements.every((one) => amongst(one.old, reached).length)) {
    throw new Refused('a statement in it is by a key that no statement before it names');
  }
  return { moves, keys: whole };
}

async function leadsToSigner(signed, keys, origin) {
  try {
    await verifyNote(parseNote(textOf(signed)), keys, origin);
  } catch (error) {
    if (error.state === 'unchecked') throw error;
    throw new Refused('they do not lead to the key that signed what they came with');
  }
}

// The changes of name that lead to an origin, oldest first.
function wayTo(moves, origin) {
  const at = moves.findIndex((one) => one.to === origin);
  return moves.slice(0, at + 1);
}

function moveWords({ from, to, kept, last, held }) {
  const grouped = (size) => size.toString().replace(/\B(?=(\d{3})+$)/g, ',');
  const said =
    `The keys of ${from} have signed that it goes on as ${to} with ${grouped(kept.size)} entries; ` +
    `${grouped(last.size)} had been signed`;
  if (held) return `${said}, and it says that all of them are in it.`;
  if (last.size > kept.size) {
    return `${said}: the last ${grouped(last.size - kept.size)} of them were LOST.`;
  }
  return `${said}, and some of them were LOST: it goes on from another copy.`;
}
