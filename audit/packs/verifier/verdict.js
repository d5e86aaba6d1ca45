// The verdict of a pack is that of its weakest claim, as `audit/ledger/packreport.py` reaches it.

const whoActed = 'who acted';
const whoApproved = 'who approved';

function claimOf(event, judged, told) {
  const { actor, via, approval, operation } = event;
  const { approver } = event.data;
  const nobody = !shown(actor.sub) && (via === 'task' || !shown(actor.name));
  const approved = isObject(approver) && !isRefusal(event);
  return {
    person: nobody ? '' : personOf(actor),
    approver: approved ? personOf(approver) : '',
    acts: [approval, operation].filter(Boolean),
    gaps: evidenceGaps(judged, told),
  };
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
  const held = told.withheld.findLast((other) => other.name === one.digest);
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
    const words = 'NOT verified: no log key that you trust signed it.';
    return { state: 'unsigned', words, reasons: [] };
  }
  const gaps = gapsOf(events);
  const reasons = [...new Set(gaps.map(([, reason]) => reason))];
  if (reasons.length) {
    const unproven = [...new Set(gaps.map(([what]) => what))].sort().reverse().join(' and ');
    const record = events.length === 1 ? 'Log entry verified.' : 'Log entries verified.';
    return { state: 'unproven', words: `${record} Person NOT proven: ${unproven}.`, reasons };
  }
  const words = 'Verified: nothing in it was changed, and the people it names are proven.';
  return { state: 'verified', words, reasons };
}

function gapsOf(events) {
  const signedIn = provenActs(events, 'H1');
  const approved = provenActs(events, 'H2');
  return events.flatMap((event) => {
    const { claim, human, index } = event;
    if (claim.gaps.length) return claim.gaps;
    const rests = (acts) => claim.acts.some((act) => acts.has(act));
    if (claim.approver && human.code < 'H2' && !rests(approved)) {
      return [[whoApproved, `Entry ${index}: no signature shows that ${claim.approver} approved.`]];
    }
    if (claim.person && human.code < 'H1' && !rests(signedIn)) {
      const why = `Entry ${index}: nothing but the record shows that it was ${claim.person}.`;
      return [[whoActed, why]];
    }
    return [];
  });
}

function provenActs(events, least) {
  const proven = events.filter((event) => event.human.code >= least);
  return new Set(proven.flatMap((event) => event.claim.acts));
}
