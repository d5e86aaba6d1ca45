// Canonical JSON (RFC 8785). The number form of ECMAScript is the one that the RFC asks for.

const deepest = 64;

function canonical(value, depth = 0) {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER) {
      throw new Refused('it holds a number that JSON cannot carry exactly');
    }
    return JSON.stringify(value);
  }
  if (typeof value === 'string') {
    if (/\p{Surrogate}/u.test(value)) throw new Refused('it holds half a character');
    return JSON.stringify(value);
  }
  if (depth >= deepest) throw new Refused(`it is nested deeper than ${deepest}`);
  if (Array.isArray(value)) {
    return `[${value.map((one) => canonical(one, depth + 1)).join(',')}]`;
  }
  const members = Object.keys(value)
    .sort()
    .map((key) => `${canonical(key)}:${canonical(value[key], depth + 1)}`);
  return `{${members.join(',')}}`;
}

function parsed(bytes, what) {
  try {
    return JSON.parse(textOf(bytes));
  } catch {
    throw new Refused(`${what} is not JSON`);
  }
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isErased(value) {
  return isObject(value) && value.erased === true;
}
