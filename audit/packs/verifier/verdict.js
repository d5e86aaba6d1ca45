// The verdict of a pack is that of its weakest claim, as `audit/ledger/packs/pack_check_result.py` reaches it.

const whoActed = 'who acted';
const whoApproved = 'who approved';

const importedFrom = ['defenseclaw', 'external'];

function claimOf(event, judged, human, told) {
  const { actor, via, approval, operation, source } = event;
  const nobody = !shown(actor.sub) && (via === 'task' || !shown(actor.name));
  const counted = judged.filter((one) => one.state === 'counts');
  const signatures = human.code >= 'H2' ? counted.filter((one) => one.kind !== 'id_token') : [];
  const imported = importedFrom.includes(source);
  return {
    actor: nobody ? null : namedPerson(actor),
    approvers: isRefusal(event) ? [] : approversOf(event).map(namedPerson),
    signedIn: counted.filter((one) => one.kind === 'id_token').map((one) => identityOf(one.person)),
    signed: signatures.map((one) => identityOf(one.person)),
    acts: imported ? [] : [approval, operation].filter(Boolean),
    intent: event.intent_hash,
    imported,
    gaps: evidenceGaps(judged, told),
  };
}

function namedPerson(who) {
  return { words: personOf(who), identity: identityOf(who) };
}

// One text for issuer and subject; nobody signs as who has none or was erased.
function identityOf({ iss, sub }) {
  const texts = typeof iss === 'string' && typeof sub === 'string';
  return JSON.stringify(texts ? [iss, sub] : ['', '']);
}

// Of two signatures one is enough; nothing stands in for the actor's sign-in.
function evidenceGaps(judged, told) {
  const signed = judged.some((one) => one.state === 'counts' && one.kind !== 'id_token');
  const open = judged.filter((one) => one.state === 'unknown');
  const needed = open.filter((one) => one.kind === 'id_token' || !signed);
  const whatOf = (one) => (one.kind === 'id_token' ? whoActed : whoApproved);
  return needed.map((one) => [whatOf(one), evidenceDetail(one, told)]);
}

function evidenceDetail(one, told) {
  const held = told.withheld.byName.get(one.digest);
  return held ? withheldWords(held) : one.sentence;
}

function verdictOf(checks, events) {
  const failed = checks.filter((one) => one.state === 'failed').map((one) => one.name);
  for (const event of events) {
    for (const one of event.checks) {
      if (one.state === 'failed') failed.push(`${one.name} (entry ${event.index})`);
    }
  }
  if (failed.length) {
    return { state: 'failed', words: `NOT verified. Failed: ${failed.join('; ')}.`, reasons: [] };
  }
  if (!checks.every((one) => one.state === 'ok')) {
    return { state: 'unsigned', words: unsignedWords, reasons: [] };
  }
  const gaps = gapsOf(events);
  const reasons = [...new Set(gaps.map(([, reason]) => reason))];
  if (reasons.length) {
    const unproven = [...new Set(gaps.map(([what]) => what))].sort().reverse().join(' and ');
    const record = events.length === 1 ? 'Log entry verified.' : 'Log entries verified.';
    return { state: 'unproven', words: `${record} Person NOT proven: ${unproven}.`, reasons };
  }
  const words =
    'Verified: nothing in it was changed, and the people it names as actor or approver are proven.';
  return { state: 'verified', words, reasons };
}

// What an entry does not prove itself another entry of its approval or operation may: that the same
// person signed in, or signed the same intent.
function gapsOf(events) {
  const signed = new Set();
  const present = new Set();
  for (const { claim } of events) {
    for (const act of claim.acts) {
      for (const who of claim.signed) signed.add(JSON.stringify([act, claim.intent, who]));
      for (const who of [...claim.signedIn, ...claim.signed]) present.add(JSON.stringify([act, who]));
    }
  }
  return events.flatMap(({ claim, index }) => {
    const found = [...claim.gaps];
    const open = new Set(claim.gaps.map(([what]) => what));
    const own = new Set(claim.signed);
    for (const { words, identity } of open.has(whoApproved) ? [] : claim.approvers) {
      const among = (act) => signed.has(JSON.stringify([act, claim.intent, identity]));
      if (own.has(identity) || claim.acts.some(among)) continue;
      found.push([whoApproved, `Entry ${index}: no signature shows that ${words} approved.`]);
    }
    if (claim.actor && !open.has(whoActed)) {
      const { words, identity } = claim.actor;
      const among = (act) => present.has(JSON.stringify([act, identity]));
      const isOwn = own.has(identity) || claim.signedIn.includes(identity);
      if (!isOwn && !claim.acts.some(among)) {
        const only = claim.imported ? 'a report of another system' : 'the record';
        found.push([whoActed, `Entry ${index}: nothing but ${only} shows that it was ${words}.`]);
      }
    }
    return found;
  });
}
