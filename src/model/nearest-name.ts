/**
 * The known name that a mistyped one most likely meant, or `undefined` where none is near: at most a third of its
 * letters away by optimal string alignment distance (Damerau 1964: insertions, deletions, substitutions, swaps), or, where
 * there is none, the shortest that it abbreviates: `prio`, `retry`.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(name.length / 3));
  const lowered = name.toLowerCase();
  let nearest: string | undefined;
  let nearestDistance = limit + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= nearestDistance) continue;
    const distance = alignmentDistance(lowered, candidate.toLowerCase());
    if (distance < nearestDistance) {
      nearest = candidate;
      nearestDistance = distance;
    }
  }
  return nearest ?? abbreviated(lowered, known);
}

/** At least three letters, and all but a fifth of them, begin the name. */
function abbreviated(lowered: string, known: Iterable<string>): string | undefined {
  const letters = lowered.slice(0, Math.max(3, Math.ceil(lowered.length * 0.8)));
  if (letters.length < 3) return undefined;
  let shortest: string | undefined;
  for (const candidate of known) {
    if (shortest !== undefined && candidate.length >= shortest.length) continue;
    if (candidate.toLowerCase().startsWith(letters)) shortest = candidate;
  }
  return shortest;
}

function alignmentDistance(left: string, right: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const substitution = previous[column - 1]! + (left[row - 1] === right[column - 1] ? 0 : 1);
      let best = Math.min(previous[column]! + 1, current[column - 1]! + 1, substitution);
      const swapped =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (swapped) best = Math.min(best, beforePrevious[column - 2]! + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[right.length]!;
}
