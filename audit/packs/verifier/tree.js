// Proof files (C2SP tlog-proof) and inclusion in a tree (RFC 9162 section 2.1.3.2).

const largest = 2n ** 63n;

function sizeOf(text) {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text) || BigInt(text) >= largest) {
    throw new Refused(`'${text.slice(0, 40)}' is not a plain decimal number`);
  }
  return BigInt(text);
}

function parseProof(bytes) {
  let whole;
  try {
    whole = textOf(bytes);
  } catch {
    throw new Refused('a proof must be UTF-8');
  }
  const at = whole.indexOf('\n\n');
  if (at < 0) throw new Refused('a proof needs a blank line before its checkpoint');
  const checkpoint = whole.slice(at + 2);
  const note = parseNote(checkpoint);
  const lines = whole.slice(0, at).split('\n');
  if (lines[0] === 'c2sp.org/tlog-proof@v1') {
    lines.shift();
    if (lines[0]?.startsWith('extra ')) fromBase64(lines.shift().slice(6), 'the extra data');
  }
  if (!lines[0]?.startsWith('index ') || lines.length > 64) {
    throw new Refused('a proof names its index and at most 63 hashes');
  }
  const index = sizeOf(lines.shift().slice(6));
  const hashes = lines.map((line) => fromBase64(line, 'a hash of the proof'));
  if (hashes.some((hash) => hash.length !== 32)) throw new Refused('a hash has not 32 bytes');
  return { index, hashes, note, checkpoint };
}

function headOf(note) {
  const lines = note.text.slice(0, -1).split('\n');
  if (lines.length < 3 || lines.includes('')) throw new Refused('it is not a checkpoint');
  const root = fromBase64(lines[2], 'the root of the checkpoint');
  if (root.length !== 32) throw new Refused('the root has not 32 bytes');
  return { origin: lines[0], size: sizeOf(lines[1]), root };
}

async function leafHash(entry) {
  return sha256(joined(Uint8Array.of(0), entry));
}

async function verifyInclusion(leaf, index, head, hashes) {
  if (index >= head.size) throw new Refused('the tree is smaller than the index');
  let [node, last, hash] = [index, head.size - 1n, leaf];
  for (const sibling of hashes) {
    if (last === 0n) throw new Refused('the proof is too long');
    if (node & 1n || node === last) {
      hash = await sha256(joined(Uint8Array.of(1), sibling, hash));
      while (!(node & 1n) && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = await sha256(joined(Uint8Array.of(1), hash, sibling));
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n) throw new Refused('the proof is too short');
  if (!equal(hash, head.root)) throw new Refused('the hashes lead to another root');
}
