// The human level of an event, as `audit.ledger.person_and_log_levels` computes it.

const evidenceKinds = {
  id_token: 'sign-in token',
  approval_token: 'approval token',
  assertion: 'passkey assertion',
};
const skew = 300;

async function judge(event, bodies, issuerKeys, passkeys) {
  const found = [];
  const act = actOf(event);
  const named = new Map(event.evidence.map((one) => [`${one.digest} ${one.kind}`, one]));
  for (const { kind, digest } of named.values()) {
    if (!(kind in evidenceKinds)) continue;
    const body = bodies.get(digest);
    const about = `The ${evidenceKinds[kind]}`;
    if (!body) {
      const sentence = `${about} ${digest.slice(0, 12)}… is not at hand.`;
      found.push({ kind, digest, state: 'unknown', sentence });
      continue;
    }
    if ((await sha256hex(body)) !== digest) {
      const sentence = `${about} ${digest.slice(0, 12)}… is another body than recorded.`;
      found.push({ kind, digest, state: 'refused', sentence });
      continue;
    }
    try {
      const checks = { id_token: signIn, approval_token: approval, assertion: passkeyDecision };
      const roots = kind === 'assertion' ? passkeys : issuerKeys;
      const { sentence, person } = await checks[kind](act, body, roots);
      found.push({ kind, digest, state: 'counts', sentence, person });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const state = { unchecked: 'unknown', aside: 'aside' }[error.state] ?? 'refused';
      found.push({ kind, digest, state, sentence: `${about} does not count: ${error.message}.` });
    }
  }
  return found;
}

function humanLevel(event, judged) {
  const good = judged.filter((one) => one.state === 'counts');
  const reasons = [...good, ...judged.filter((one) => one.state !== 'counts')].map(
    (one) => one.sentence,
  );
  const proven = new Set(good.map((one) => one.kind));
  const signIns = Number(proven.has('id_token'));
  const signatures = proven.size - signIns;
  let code = signatures ? `H${signatures + 1}` : `H${signIns}`;
  if (signatures && isUnsigned(event)) {
    code = `H${signIns}`;
    reasons.push(
      'No one signs an expiry or an inferred denial, so signatures do not count here.',
    );
  }
  if (!good.length) reasons.unshift("Nothing but the recorder's word says who this was.");
  return { code, words: levelWords[code], reasons };
}

// What all evidence of an event is compared with, read once however much evidence it names.
function actOf(event) {
  const people = deciders(event);
  const named = people.filter((one) => one.sub !== '').map(identityOf);
  return {
    event,
    people: new Set(named.filter((one) => one !== identityOf({}))),
    erased: people.some((one) => typeof one.sub !== 'string'),
    intent: null,
  };
}

async function signIn(act, body, issuerKeys) {
  const { event, people } = act;
  const claims = await claimsOf(body, issuerKeys);
  if (!samePerson(claims, event.actor)) {
    if (people.has(identityOf(claims))) {
      throw new Refused("it belongs to the approver and says nothing about the actor", 'aside');
    }
    const erased = typeof event.actor.sub !== 'string';
    throw new Refused(
      'it is of another person than the actor, or the actor has been erased',
      erased ? 'aside' : 'failed',
    );
  }
  const at = momentOf(issuedAt(claims, event));
  return { sentence: `${claims.iss} signed that this person signed in, at ${at}.`, person: claims };
}

async function approval(act, body, issuerKeys) {
  const { event, people } = act;
  const claims = await claimsOf(body, issuerKeys);
  if (isRefusal(event)) {
    throw new Refused('it proves an approval, and this event is a refusal', 'aside');
  }
  if (!people.has(identityOf(claims))) {
    const state = act.erased ? 'aside' : 'failed';
    throw new Refused('it is of neither the actor nor the approver', state);
  }
  const signed = signedDetails(claims);
  if (!event.intent_hash || signed.intent_hash !== event.intent_hash) {
    throw new Refused('it approves another intent');
  }
  await (act.intent ??= checkIntent(event));
  checkNamed(event, signed);
  if (!hasText(event) && !('verb' in signed && 'target' in signed)) {
    throw new Refused('nothing at hand says which act the intent is', 'aside');
  }
  const at = momentOf(issuedAt(claims, event));
  const sentence = `${claims.iss} signed that ${whoSigned(event, claims)} accepted exactly this request at ${at}.`;
  return { sentence, person: claims };
}

async function passkeyDecision(act, body, passkeys) {
  const { event } = act;
  if (!event.intent_hash) throw new Refused('this event names no intent');
  const found = await asserted(body, event, passkeys);
  const { passkey } = found;
  if (!act.people.has(identityOf(passkey))) {
    throw new Refused('its passkey belongs to neither the actor nor the approver');
  }
  const fitting = isRefusal(event) ? ['deny', 'denied'] : ['approve', 'approved'];
  if (!fitting.includes(found.decision)) {
    throw new Refused(`it says '${found.decision}', which is not what happened`);
  }
  if (event.approval && found.approval_id !== event.approval) {
    throw new Refused('it answers another approval');
  }
  await (act.intent ??= checkIntent(event));
  if (!hasText(event)) {
    throw new Refused('nothing at hand says which act the intent is', 'unchecked');
  }
  const since = Date.parse(passkey.approver_since ?? '');
  if (!samePerson(passkey, event.actor) && !(since <= Date.parse(event.recorded_at))) {
    throw new Refused('no second person had confirmed its passkey for what others ask');
  }
  const later = passkey.revoked_at ? ` It was revoked later, at ${moment(passkey.revoked_at)}.` : '';
  const sentence = `The passkey of ${whoSigned(event, passkey)}, after verifying its user, signed this very intent.${later}`;
  return { sentence, person: passkey };
}

function deciders(event) {
  return [event.actor, ...approversOf(event)];
}

function approversOf(event) {
  const { approver, approvers } = event.data;
  const named = [approver, ...(Array.isArray(approvers) ? approvers : [])].filter(isObject);
  return named.map((one) => ({ iss: event.actor.iss, ...one }));
}

// Name and subject of who signed, as the event names them.
function whoSigned(event, { iss, sub }) {
  const named = deciders(event).find((one) => one.iss === iss && one.sub === sub && shown(one.name));
  return named ? personOf({ name: named.name, sub }) : sub;
}

function samePerson(claims, person) {
  const named = typeof person.sub === 'string' && person.sub !== '';
  return named && claims.sub === person.sub && claims.iss === person.iss;
}

function issuedAt(claims, event) {
  if (!Number.isInteger(claims.iat) || claims.iat <= 0 || claims.iat >= 2 ** 33) {
    throw new Refused('it does not say when it was issued');
  }
  if (claims.iat > Date.parse(event.recorded_at) / 1000 + skew) {
    throw new Refused('it was issued after the event was recorded');
  }
  return claims.iat;
}

function signedDetails(claims) {
  try {
    let details = claims.authorization_details;
    if (typeof details === 'string') details = JSON.parse(details);
    const rows = Object.entries(details[0].properties);
    const values = rows.map(([name, one]) => [name, isObject(one) ? one.value : one]);
    return Object.fromEntries(values.filter(([, value]) => typeof value === 'string'));
  } catch {
    return {};
  }
}

function isRefusal(event) {
  return ['denied', 'expired'].includes(event.outcome) || /\.(denied|expired)$/.test(event.action);
}

function isUnsigned(event) {
  const expired = event.outcome === 'expired' || event.action.endsWith('.expired');
  return expired || (isRefusal(event) && event.data.inferred === true);
}

const pastOf = { hold: 'held', freeze: 'frozen', unfreeze: 'unfrozen' };

function isResult(verb, action) {
  const [family, act] = split(verb);
  const [happened, past] = split(action);
  if (happened === 'approval') return true;
  if (past === 'override_logged') return family === happened; // denied by a person
  return family === happened && past.startsWith(pastOf[act] ?? act.replace(/e$/, ''));
}

function split(name) {
  const at = name.lastIndexOf('.');
  return [name.slice(0, Math.max(at, 0)), name.slice(at + 1)];
}

// Milliseconds after `not_after`: answers are read late by ten minutes, clocks differ by five.
const carriedOutWithin = 900_000;

// A decision is its requester's; answers to it, and what nobody asked for, are others'.
function isOfAnother(event, asked) {
  const { action, actor } = event;
  if (action.startsWith('approval.') || action.endsWith('.override_logged')) return false;
  if (!isObject(asked) || !asked.sub || typeof actor.sub !== 'string') return false;
  return asked.iss !== actor.iss || asked.sub !== actor.sub;
}

function hasText(event) {
  return typeof event.data.intent === 'string';
}

// The text of the intent, where the event opens it, is the one whose hash was signed.
async function checkIntent(event) {
  if (!hasText(event)) return;
  const text = event.data.intent;
  if ((await sha256hex(utf8.encode(`ata.intent.v1\n${text}`))) !== event.intent_hash) {
    throw new Refused('the text of the intent beside it has another hash');
  }
  const { verb, target } = parsed(utf8.encode(text), 'the intent');
  if (typeof verb !== 'string' || !isObject(target)) {
    throw new Refused('the text of the intent beside it cannot be read');
  }
  if (!isResult(verb, event.action)) {
    throw new Refused(`the intent is to ${verb}, and this event is ${event.action}`);
  }
  const said = parsed(utf8.encode(text), 'the intent');
  const latest = Date.parse(said.not_after ?? '') + carriedOutWithin;
  if (Date.parse(event.recorded_at) > latest) {
    throw new Refused('the intent had run out when this was recorded');
  }
  if (isOfAnother(event, said.actor)) {
    throw new Refused('the intent is of another person than the actor');
  }
  const happened = event.target;
  const same = () => target.kind === happened.kind && target.name === happened.name;
  if (happened && typeof happened.name === 'string' && !same()) {
    throw new Refused('the intent is about another thing than this event');
  }
}

// What the issuer showed and signed is what the event says.
function checkNamed(event, signed) {
  if (typeof signed.verb === 'string' && !isResult(signed.verb, event.action)) {
    throw new Refused(`it approves ${signed.verb}, and this event is ${event.action}`);
  }
  const { target } = event;
  if (!target || typeof target.name !== 'string' || typeof signed.target !== 'string') return;
  if (signed.target !== [...`${target.kind} ${target.name}`].slice(0, 255).join('')) {
    throw new Refused("it approves an act on another thing than this event's");
  }
}
