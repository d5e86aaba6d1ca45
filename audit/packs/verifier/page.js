// The page itself: what the reader trusts, the packs they drop, and the reports in words.

const marks = { ok: '✓', failed: '✗', unchecked: '–', withheld: '–', aside: '·' };
const spoken = {
  ok: 'holds',
  failed: 'failed',
  unchecked: 'not checked here',
  withheld: 'not in the pack',
  aside: 'aside',
};
const verdictMarks = { verified: '✓', apart: '–', unproven: '–', unsigned: '✗', failed: '✗' };
const tones = { verified: 'good', apart: 'partly', unproven: 'partly', unsigned: 'bad', failed: 'bad' };
const byId = (id) => document.getElementById(id);
const packs = [];
let turn = 0;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// What a name or text from the pack may do to the page: be read. Controls are written out.
function plain(text) {
  return String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => {
    return `⟨U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}

const readers = {
  async logs(text) {
    const lines = text.split('\n').map((line) => line.trim().replace(/^log\s+/, ''));
    const keys = lines.filter((line) => line && !/^(#|witness|group|quorum)/.test(line));
    if (keys.some((line) => /^require\s.*ml-dsa/.test(line))) {
      throw new Refused('it asks for ML-DSA-44, which a browser cannot check; use `ata verify`');
    }
    const lists = keys.filter((line) => !line.startsWith('require'));
    const read = await Promise.all(lists.map((line) => parseVkey(line.split(/\s/)[0])));
    const found = read.filter((key) => !key.unused);
    if (read.length && !found.length) {
      throw new Refused('ML-DSA-44 cannot be checked in a browser; use `ata verify`');
    }
    const rest = read.length > found.length ? ' (ML-DSA-44 is not checked here)' : '';
    return [found, found.map((key) => key.name).join(', ') + rest];
  },
  async issuer(text) {
    const value = parsed(utf8.encode(text), 'it');
    if (!isObject(value)) throw new Refused('it is no key set');
    const sets = Array.isArray(value.keys) ? { '': value } : value;
    if (!Object.values(sets).every((set) => isObject(set) && Array.isArray(set.keys))) {
      throw new Refused('it is no key set (RFC 7517)');
    }
    const size = Object.values(sets).reduce((sum, set) => sum + (set.keys.length), 0);
    return [sets, count(size, 'key')];
  },
  async passkeys(text) {
    const found = readPasskeys(utf8.encode(text));
    return [found, count(Object.keys(found).length, 'passkey')];
  },
};
const empty = { logs: [], issuer: {}, passkeys: {} };

async function rootOf(name) {
  const text = byId(name).value.trim();
  const state = byId(`${name}-state`);
  state.className = 'state';
  if (!text) {
    state.value = 'nothing given';
    return empty[name];
  }
  try {
    const [value, words] = await readers[name](text);
    state.value = plain(words);
    state.classList.add('good');
    return value;
  } catch (error) {
    state.value = `Cannot be used: ${plain(error.message)}.`;
    state.classList.add('bad');
    return empty[name];
  }
}

async function run() {
  const mine = (turn += 1);
  const [logs, issuerKeys, passkeys] = await Promise.all(['logs', 'issuer', 'passkeys'].map(rootOf));
  const reports = [];
  for (const pack of packs) {
    const report = pack.inside
      ? await reportOfAuditFile(pack.bytes, pack.inside, logs)
      : await checkedPack(pack.bytes, { logs, issuerKeys, passkeys });
    reports.push({ pack: pack.name, ...report });
  }
  if (mine !== turn) return; // something changed meanwhile, and that run is under way
  show(reports);
}

function show(reports) {
  byId('found').hidden = !reports.length;
  byId('summary').textContent = summaryOf(reports);
  // An audit file stands before its packs, but for those that failed.
  const rank = ({ file, verdict }) => Math.max(Object.keys(tones).indexOf(verdict.state), file ? 2.5 : 0);
  const worstFirst = [...reports].sort((a, b) => rank(b) - rank(a));
  byId('reports').replaceChildren(...worstFirst.map(reportOf));
  globalThis.reports = reports;
}

function summaryOf(reports) {
  const packs = reports.filter((report) => !report.file);
  const named = (some, states) => some.filter((report) => states.includes(report.verdict.state));
  const list = (some) => some.map((report) => plain(report.pack)).join(', ');
  const bad = named(packs, ['failed', 'unsigned']);
  const partly = named(packs, ['unproven']);
  const parts = [];
  for (const file of reports.filter((report) => report.file)) {
    parts.push(`Audit file ${plain(file.pack)}: ${plain(file.verdict.words).replace(/\.$/, '')}`);
  }
  if (bad.length) {
    parts.push(`${count(bad.length, 'pack')} of ${packs.length} NOT verified: ${list(bad)}`);
  }
  if (partly.length) {
    const record = 'log entries verified, person NOT proven';
    parts.push(`${count(partly.length, 'pack')} of ${packs.length} ${record}: ${list(partly)}`);
  }
  if (packs.length && !bad.length && !partly.length) {
    parts.push(`${count(packs.length, 'pack')} verified`);
  }
  return `${parts.join('. ')}.`;
}

function reportOf(report) {
  const { state, words, reasons } = report.verdict;
  const tone = tones[state];
  const verdict = `${verdictMarks[state]} ${plain(words)}`;
  const head = element(
    'header',
    { class: `head ${tone}` },
    element('h3', {}, plain(report.pack)),
    element('span', { class: 'verdict' }, verdict),
  );
  const body = element('div', { class: 'body' });
  if (reasons.length) {
    const rows = reasons.map((reason) => element('li', {}, plain(reason)));
    body.append(folded('Why', element('ul', { class: 'reasons' }, ...rows)));
  }
  if (report.words) {
    body.append(element('p', {}, `${ownDescription} ${plain(report.words)}`));
  }
  if (report.checks.length) body.append(element('h4', {}, report.file ? 'The file' : 'The pack'), checksOf(report.checks));
  for (const event of report.events) body.append(eventOf(event));
  const limits = report.not_proven.map((limit) =>
    element('li', { class: 'aside' }, element('span', { class: 'mark' }, '–'), plain(limit)),
  );
  body.append(folded('What is not proven', element('ul', {}, ...limits)));
  return element('article', { class: 'report', 'data-ok': report.ok }, head, body);
}

// Open where it is short.
function folded(title, list) {
  const size = list.children.length;
  const made = element('details', {}, element('summary', {}, `${title} (${size})`), list);
  made.open = size < 6;
  return made;
}

function eventOf(event) {
  const told = Object.entries(event.said).filter(([label]) => label !== 'proven');
  const rows = told.flatMap(([label, text]) => [
    element('dt', {}, label[0].toUpperCase() + label.slice(1)),
    element('dd', {}, plain(text)),
  ]);
  const levels = element(
    'p',
    { class: 'row' },
    element('span', { class: 'badge' }, `Person: ${event.human.words} (${event.human.code})`),
    element('span', { class: 'badge' }, `Record: ${event.log.words} (${event.log.code})`),
  );
  const reasons = [...event.human.reasons, ...event.log.reasons].map((reason) =>
    element('li', { class: 'aside' }, element('span', { class: 'mark' }, '·'), plain(reason)),
  );
  const details = element('details', {}, element('summary', {}, 'Every check of this event'));
  details.open = !event.ok;
  details.append(checksOf(event.checks), element('ul', {}, ...reasons));
  const made = element('section', { class: 'event' }, element('h3', {}, `Entry ${event.index}`));
  made.append(element('dl', {}, ...rows), levels, details);
  if (event.claimed) {
    const words = `${event.claimed.words} (${event.claimed.code})`;
    const claim = `As the pack itself claims, by keys that came in it: ${words}. That raises nothing: whoever made the pack chose those keys.`;
    made.append(element('p', { class: 'claim' }, claim));
  }
  return made;
}

function checksOf(checks) {
  const rows = checks.map((one) =>
    element(
      'li',
      { class: one.state },
      element('span', { class: 'mark', role: 'img', 'aria-label': spoken[one.state] }, marks[one.state]),
      element(
        'span',
        {},
        element('b', {}, ['unchecked', 'withheld'].includes(one.state) ? `${one.name}: ${spoken[one.state]}` : one.name),
        element('small', {}, plain(one.detail)),
      ),
    ),
  );
  return element('ul', {}, ...rows);
}

async function take(files) {
  packs.length = 0;
  show([]); // what was found before is of other files
  for (const file of files) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const inside = await packsInside(bytes);
    packs.push({ name: file.name, bytes, inside });
    for (const one of inside ?? []) packs.push({ ...one, name: `${file.name}: ${one.name}` });
  }
  await run();
  byId('found').scrollIntoView({ block: 'start' });
}

function listen() {
  const drop = byId('drop');
  for (const name of ['dragover', 'dragenter']) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add('over');
    });
  }
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    take([...event.dataTransfer.files]);
  });
  byId('packs').addEventListener('change', (event) => take([...event.target.files]));
  for (const name of ['logs', 'issuer', 'passkeys']) byId(name).addEventListener('input', run);
  for (const input of document.querySelectorAll('input[data-for]')) {
    input.addEventListener('change', async () => {
      if (!input.files.length) return;
      byId(input.dataset.for).value = (await input.files[0].text()).trim();
      await run();
    });
  }
}

async function start() {
  const lacks = byId('lacks');
  if (!globalThis.crypto?.subtle) {
    lacks.textContent =
      'This browser gives pages from a disk no cryptography, so nothing can be checked here. Use `ata verify PACK`.';
    lacks.hidden = false;
    return;
  }
  if (!(await hasEd25519())) {
    lacks.textContent = noEd25519;
    lacks.hidden = false;
  }
  listen();
}

start();
