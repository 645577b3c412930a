/** The graphs that are measured, first as integers (what the bare loop is given), then as tasks (what everybody else is given). */
import { seededRandom } from "../lib/statistics.js";

export const shapeNames = ["layered", "chain", "tree", "independent"] as const;
export type ShapeName = (typeof shapeNames)[number];

/** For each task the tasks that it depends on, in compressed sparse rows. */
export interface Shape {
  readonly size: number;
  /** Task `i` depends on `dependencies[offsets[i]]` to `dependencies[offsets[i + 1] - 1]`. */
  readonly offsets: Int32Array;
  readonly dependencies: Int32Array;
}

export interface BenchTask {
  readonly id: string;
  readonly run: () => Promise<number>;
  readonly dependsOn: readonly string[];
}

const LAYERS = 100;

export function makeShape(name: ShapeName, size: number): Shape {
  switch (name) {
    case "layered":
      return layered(size);
    case "chain":
      return fromParents(size, (index) => index - 1);
    case "tree":
      return fromParents(size, (index) => (index - 1) >> 1);
    case "independent":
      return { size, offsets: new Int32Array(size + 1), dependencies: new Int32Array(0) };
  }
}

/** 100 layers; each task depends on 2 to 3 different tasks of the layer before. */
function layered(size: number): Shape {
  const random = seededRandom(20_260_101);
  const width = Math.max(3, Math.ceil(size / LAYERS));
  const offsets = new Int32Array(size + 1);
  const dependencies = new Int32Array(3 * size);
  let edge = 0;
  for (let index = 0; index < size; index++) {
    const layerStart = index - (index % width);
    if (layerStart > 0) {
      const first = edge;
      const wanted = random() < 0.5 ? 2 : 3;
      while (edge < first + wanted) {
        const candidate = layerStart - width + Math.floor(random() * width);
        let known = false;
        for (let seen = first; seen < edge; seen++) known ||= dependencies[seen] === candidate;
        if (!known) dependencies[edge++] = candidate;
      }
    }
    offsets[index + 1] = edge;
  }
  return { size, offsets, dependencies: dependencies.slice(0, edge) };
}

function fromParents(size: number, parentOf: (index: number) => number): Shape {
  const offsets = new Int32Array(size + 1);
  const dependencies = new Int32Array(Math.max(0, size - 1));
  for (let index = 1; index < size; index++) {
    dependencies[index - 1] = parentOf(index);
    offsets[index + 1] = index;
  }
  return { size, offsets, dependencies };
}

export async function noop(): Promise<number> {
  return 1;
}

/** What a caller would hand in: one object a task, with string ids. */
export function makeTasks(shape: Shape): BenchTask[] {
  const tasks = new Array<BenchTask>(shape.size);
  for (let index = 0; index < shape.size; index++) {
    const first = shape.offsets[index]!;
    const idAt = (edge: number): string => tasks[shape.dependencies[first + edge]!]!.id;
    tasks[index] = { id: `task-${index}`, run: noop, dependsOn: listOf(shape.offsets[index + 1]! - first, idAt) };
  }
  return tasks;
}

/** Array literals, as a caller writes them: an array that was grown by `push` holds several times the memory. */
function listOf(count: number, idAt: (edge: number) => string): readonly string[] {
  switch (count) {
    case 0:
      return [];
    case 1:
      return [idAt(0)];
    case 2:
      return [idAt(0), idAt(1)];
    default:
      return [idAt(0), idAt(1), idAt(2)];
  }
}
