// What the checks say in words, as `audit/ledger/packs/report_sentences.py` does.

const names = {
  archive: 'The archive has the one form of a pack',
  manifest: 'The manifest can be read',
  signed: 'A log you trust signed the manifest',
  members: 'Every member is the one in the manifest',
  history: 'What former keys signed of this log fits',
  moved: 'The log went on under another name',
  events: 'Every event has its entry, openings and proof',
  evidence: 'The evidence is what the entries name',
  proof: 'The proof can be read',
  tree: 'A log you trust signed the tree',
  entry: 'The entry is well formed',
  inclusion: 'The entry is in that tree',
  time: 'An authority you trust saw the tree',
  openings: 'The openings match the entry',
  values: 'Values that are missing were erased',
  id_token: 'The issuer signed the sign-in',
  approval_token: 'The issuer signed the approval of this very act',
  assertion: 'A passkey signed this very act',
  files: 'Every file is the one in the manifest',
  range: 'The entries are those of the signed log',
  reaches: 'The range reaches over the period, or to the end of the signed tree',
};

const earlier = 'Not checked, because an earlier check failed.';
const oneForm = 'It is not in the one form of a pack: ask for the file as it was downloaded.';
const noLogKey = 'Not checked: you gave no log key that you trust.';
const unsignedManifest =
  'Each file has the digest in the manifest, and no one you trust signed that manifest.';
const noAuthority =
  'Not checked here: a browser cannot check time tokens. Use `ata verify` with --tsa-ca.';
const noEd25519 = 'Not checked here: this browser cannot check Ed25519. Use `ata verify`.';
const nothing = 'Anything: a pack that was changed is evidence of nothing.';
const unsignedWords = 'NOT verified: no log key that you trust signed it.';
const auditFileWords = 'This audit file itself is NOT checked here.';
const noneMissing = ({ after, before }) =>
  `No entry is missing that the log recorded from ${moment(after)} to before ${moment(before)}. ` +
  'What the file concludes from them is NOT checked here.';
const lastSigned = 'the last one of the signed tree';
const laterUnproven = (until) =>
  `That no row of the period is missing after ${until}, ${lastSigned}: the period ends later.`;
const entriesHold =
  'Its entries are those of the log. That no row is missing is NOT proven, and what it concludes ' +
  'from them is NOT checked here.';
const auditFileHolds = (n) =>
  n
    ? `It holds ${count(n, 'evidence pack')}. Each was checked here and has a report of its own.`
    : 'It holds no evidence pack.';
const othersLeft = (n) => `${count(n, 'other archive')} in it ${n === 1 ? 'is' : 'are'} not in its manifest, and not checked.`;
const noneMissingUnproven = 'That no row of the period is missing.';
const auditFileLimits = [
  'Which rows are in a population and which items were drawn, that policies, reviews and roles are those ' +
    'of the log, and that its packs belong to it. `ata verify FILE.zip --vkey log.key` checks all of that.',
];
const rangeLimits = ({ range }, until) => [
  ...(range.complete ? [] : [noneMissingUnproven]),
  ...(until ? [laterUnproven(until)] : []),
  ...auditFileLimits,
  'That no event of the period was recorded after the end of the range, as an import can do.',
  "That the portal's clock was right: where it was ahead for one entry, the range may end there, " +
    'before other entries of the period.',
  'That what the entries say is true: they show what was recorded, and that it was not changed.',
  sameForAll,
];
const ownClaim =
  "Who owns the keys inside the pack: they are the portal's own claim. Bring the issuer's keys " +
  'from the issuer, and passkeys from whoever enrolled them.';
const sameForAll =
  'That everyone sees the same log: no quorum of witnesses that you trust has co-signed it.';
const movedUnproven = (move) =>
  `That nothing of ${move.from} was lost but what it says: who keeps a later checkpoint of it ` +
  'holds the log to that (--since).';
const ownDescription = 'Its own description, which no check compares with the entries:';
const always = [
  'That what the entries say is true: they show what was recorded, and that it was not changed.',
  'That the description in its manifest says what the entries say, and how many it leaves out.',
  'That nothing is missing: an act that was never recorded leaves no trace in any log.',
  'Anything about other people whom the entries name: on whose behalf it was, who reported it.',
  'That a person understood what they signed, or that the screen showed what was signed.',
  'That a key, passkey or right was not withdrawn later: a pack shows one moment.',
  "When it happened: the times are from the recorder's own clock.",
];

const levelWords = {
  H0: 'asserted',
  H1: 'signed in',
  H2: 'signed for this act',
  H3: 'signed twice for this act',
  L0: 'recorded',
  L1: 'in the signed log',
};

const through = {
  web: 'in a browser',
  api: 'through the API',
  cli: 'on the command line',
  task: 'automatically',
  import: 'imported from another system',
  tenant: "reported by the Auth0 tenant's log",
  broker: 'at the token broker',
  phone: 'on a phone',
};

function said(event, judged, human) {
  return {
    who: whoOf(event),
    what: whatOf(event),
    when: `${moment(event.time)} by the recorder's clock; entry ${event.index}.`,
    approved: approvedOf(event, judged),
    proven: `${human.words} (${human.code}).`,
  };
}

function whoOf(event) {
  const roles = event.actor.roles.length ? ` as ${event.actor.roles.join(', ')}` : '';
  return `${personOf(event.actor)}${roles}, ${through[event.via] ?? event.via}.`;
}

function whatOf(event) {
  const { target } = event;
  const on = target ? ` on ${target.kind} ${shown(target.name) || '(no name)'}` : '';
  const at = target && target.instance ? ` at ${target.instance}` : '';
  const why = shown(event.reason) ? ` Reason given: ${shown(event.reason)}.` : '';
  return `${event.action}${on}${at}, severity ${event.severity}: ${event.outcome}.${why}`;
}

function approvedOf(event, judged) {
  const proofs = judged
    .filter((one) => one.state === 'counts' && one.kind !== 'id_token')
    .map((one) => one.sentence);
  const { approver, approvers } = event.data;
  const named = Array.isArray(approvers) && approvers.length ? approvers : [approver];
  const by = [...new Set(named.filter(isObject).map(personOf))].join(' and ');
  if (proofs.length) return [...(by ? [`According to the record, ${by} approved.`] : []), ...proofs].join(' ');
  if (by) return `The record says that ${by} approved; no signature that you can check shows it.`;
  if (event.approval) {
    return 'It belongs to an approval and names no answer with a signature that you can check.';
  }
  return 'No one was asked.';
}

function personOf(who) {
  const [name, sub] = [shown(who.name), shown(who.sub)];
  if (!name && !sub) return 'no one named';
  const iss = who.iss ? ` at ${who.iss}` : '';
  if (name && sub) return `${name} (${sub}${iss})`;
  return `${name || sub}${sub ? iss : ''}`;
}

function shown(value) {
  if (isErased(value)) return '(erased)';
  return typeof value === 'string' ? value : '';
}

// How many values of an entry something withheld stands for; 0 where it names one thing.
function countedValues(one) {
  return one.kind === 'values' && Number.isInteger(one.count) ? Math.max(one.count, 0) : 0;
}

function withheldWords(one) {
  const what = `The ${String(one.kind).replaceAll('_', ' ')} ${String(one.name).slice(0, 12)}…`;
  const number = countedValues(one);
  if (number) {
    const those =
      one.why === 'not_permitted'
        ? 'they are not for whoever made the pack'
        : 'they hold something like a secret';
    return `${count(number, 'value')} of entry ${one.name} are not in it: ${those}.`;
  }
  if (one.why === 'not_released') {
    return `${what} is not in it: the token is released after ${one.until}.`;
  }
  if (one.why === 'erased') return `${what} is not in it: its person has been erased.`;
  if (one.kind === 'value' && one.why === 'not_permitted') {
    return `The value ${one.name} is not in it: it is not for whoever made the pack.`;
  }
  if (one.why === 'not_permitted') {
    return `${what} is not in it: whoever made the pack may not read it.`;
  }
  if (one.why === 'secret') {
    return `The value ${one.name} is not in it: it holds something like a secret.`;
  }
  return `${what} is not in it: the store does not have it.`;
}

function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}

function sentence(words) {
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1).replace(/\.$/, '')}.`;
}

function moment(stamp) {
  return `${stamp.slice(0, 19).replace('T', ' ')} UTC`;
}

function momentOf(seconds) {
  return moment(new Date(seconds * 1000).toISOString());
}
