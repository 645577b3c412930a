/**
 * Rendezvous hashing (Thaler and Ravishankar 1996), weighted: every endpoint draws a number from its own id and the key,
 * and the highest wins. So a key stays where it is as long as that endpoint is there, and when one comes or goes only
 * its own share of keys moves.
 */
export function rendezvousScore(key: string, endpointId: string, weight: number): number {
  // Weighted by -w / ln(u): Schindelhauer and Schomaker 2005.
  return -weight / Math.log(hashToUnit(`${endpointId}\0${key}`));
}

/** A number strictly between 0 and 1, evenly spread: FNV-1a over UTF-16 units, and MurmurHash3's finaliser on both halves. */
function hashToUnit(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b);
  }
  const mixedLow = mix(low ^ (high >>> 16));
  const mixedHigh = mix(high ^ mixedLow);
  return ((mixedHigh >>> 5) * 2 ** 26 + (mixedLow >>> 6) + 0.5) / 2 ** 53;
}

function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
