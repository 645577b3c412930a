/** What can be told from the shape of a graph alone: its other direction, an order, its cycles, and its longest paths. */
import type { Adjacency } from "./plan.js";

/** The same edges from the other end, by counting sort. */
export function reversed(adjacency: Adjacency, count: number): Adjacency {
  const { offsets, targets } = adjacency;
  const edges = offsets[count]!;
  const reversedOffsets = new Int32Array(count + 1);
  for (let edge = 0; edge < edges; edge++) reversedOffsets[targets[edge]!]!++;
  for (let task = 1; task <= count; task++) reversedOffsets[task]! += reversedOffsets[task - 1]!;
  const reversedTargets = new Int32Array(edges);
  // Each row is filled from its end, which moves its offset to its start.
  for (let task = count - 1; task >= 0; task--) {
    const first = offsets[task]!;
    for (let edge = offsets[task + 1]! - 1; edge >= first; edge--)
      reversedTargets[--reversedOffsets[targets[edge]!]!] = task;
  }
  return { offsets: reversedOffsets, targets: reversedTargets };
}

/** Tasks such that each comes after its dependencies (Kahn 1962); shorter than the graph where there is a cycle. */
export function topologicalOrder(dependencies: Adjacency, dependents: Adjacency, count: number): Int32Array {
  const waitingOn = new Int32Array(count);
  const order = new Int32Array(count);
  let placed = 0;
  for (let task = 0; task < count; task++) {
    waitingOn[task] = dependencies.offsets[task + 1]! - dependencies.offsets[task]!;
    if (waitingOn[task] === 0) order[placed++] = task;
  }
  const { offsets, targets } = dependents;
  for (let next = 0; next < placed; next++) {
    const task = order[next]!;
    const end = offsets[task + 1]!;
    for (let edge = offsets[task]!; edge < end; edge++)
      if (--waitingOn[targets[edge]!]! === 0) order[placed++] = targets[edge]!;
  }
  return order.subarray(0, placed);
}

/** Whether every task comes after all that it depends on, so that the order of the numbers is a topological one. */
export function isOrdered({ offsets, targets }: Adjacency, count: number): boolean {
  for (let task = 0; task < count; task++)
    for (let edge = offsets[task]!; edge < offsets[task + 1]!; edge++) if (targets[edge]! >= task) return false;
  return true;
}

/** Up to `most` cycles, no task in two of them, each in the order in which its tasks would have to run. */
export function findCycles(dependencies: Adjacency, order: Int32Array, count: number, most: number): number[][] {
  const open = new Uint8Array(count).fill(1);
  for (const task of order) open[task] = 0;
  const cycles: number[][] = [];
  for (let start = 0; start < count && cycles.length < most; start++) {
    if (open[start] === 0) continue;
    const cycle = followToCycle(dependencies, open, start);
    if (cycle !== undefined) cycles.push(cycle);
  }
  return cycles;
}

/** Walks from dependency to dependency among open tasks until one comes again; closes what it walked. */
function followToCycle(dependencies: Adjacency, open: Uint8Array, start: number): number[] | undefined {
  const { offsets, targets } = dependencies;
  const places = new Map<number, number>();
  const path: number[] = [];
  let task = start;
  while (!places.has(task)) {
    places.set(task, path.length);
    path.push(task);
    let next = -1;
    for (let edge = offsets[task]!; edge < offsets[task + 1]! && next < 0; edge++)
      if (open[targets[edge]!] === 1) next = targets[edge]!;
    if (next < 0) break;
    task = next;
  }
  for (const walked of path) open[walked] = 0;
  const last = path[path.length - 1]!;
  const closes = dependencies.targets.subarray(offsets[last]!, offsets[last + 1]!).includes(task);
  return closes ? path.slice(places.get(task)!).reverse() : undefined;
}

/**
 * For each task the number of tasks on the longest path that starts with it. `order` is a topological order, `undefined`
 * where the tasks are in one already.
 */
export function remainingHops(order: Int32Array | undefined, dependents: Adjacency, count: number): Int32Array {
  const { offsets, targets } = dependents;
  const paths = new Int32Array(count);
  for (let place = count - 1; place >= 0; place--) {
    const task = order === undefined ? place : order[place]!;
    const end = offsets[task + 1]!;
    let longest = 0;
    for (let edge = offsets[task]!; edge < end; edge++) {
      const path = paths[targets[edge]!]!;
      if (path > longest) longest = path;
    }
    paths[task] = longest + 1;
  }
  return paths;
}

/** For each task the weight of the heaviest path that starts with it. */
export function remainingWeights(
  order: Int32Array | undefined,
  dependents: Adjacency,
  weight: Float64Array,
): Float64Array {
  const { offsets, targets } = dependents;
  const paths = new Float64Array(weight.length);
  for (let place = weight.length - 1; place >= 0; place--) {
    const task = order === undefined ? place : order[place]!;
    let longest = 0;
    for (let edge = offsets[task]!; edge < offsets[task + 1]!; edge++)
      longest = Math.max(longest, paths[targets[edge]!]!);
    paths[task] = longest + weight[task]!;
  }
  return paths;
}

/** Tasks by priority, then by remaining path, both falling, then by number. */
export function startOrder(paths: Int32Array | Float64Array, priority: Int32Array | undefined): Int32Array {
  if (priority === undefined && paths instanceof Int32Array) return countingOrder(paths);
  const order = Int32Array.from(paths, (_, task) => task);
  return order.sort((left, right) => {
    const rank = priority === undefined ? 0 : priority[right]! - priority[left]!;
    if (rank !== 0) return rank;
    const path = paths[right]! - paths[left]!;
    return path === 0 ? left - right : path;
  });
}

/** Counting sort, falling, stable. */
function countingOrder(paths: Int32Array): Int32Array {
  const count = paths.length;
  let longest = 0;
  for (let task = 0; task < count; task++) if (paths[task]! > longest) longest = paths[task]!;
  const starts = new Int32Array(longest + 2);
  for (let task = 0; task < count; task++) starts[longest - paths[task]! + 1]!++;
  for (let bucket = 0; bucket <= longest; bucket++) starts[bucket + 1]! += starts[bucket]!;
  const order = new Int32Array(count);
  for (let task = 0; task < count; task++) order[starts[longest - paths[task]!]!++] = task;
  return order;
}
