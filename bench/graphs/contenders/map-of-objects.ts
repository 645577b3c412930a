/** The friendly way to write it by hand: Kahn's loop over a `Map` of objects with string ids. */
import { CONCURRENCY, type Contender } from "../contender.js";
import type { BenchTask, Shape } from "../shape.js";

interface Node {
  readonly task: BenchTask;
  readonly dependents: Node[];
  waiting: number;
  output: number;
  startedAt: number;
  endedAt: number;
}

export const contender: Contender = {
  takes: "tasks",
  async run(tasks) {
    const nodes = new Map<string, Node>();
    for (const task of tasks) {
      const waiting = task.dependsOn.length;
      nodes.set(task.id, { task, dependents: [], waiting, output: 0, startedAt: 0, endedAt: 0 });
    }
    const ready: Node[] = [];
    for (const node of nodes.values()) {
      for (const dependency of node.task.dependsOn) nodes.get(dependency)!.dependents.push(node);
      if (node.waiting === 0) ready.push(node);
    }
    await new Promise<void>((resolve, reject) => {
      let next = 0;
      let running = 0;
      let ended = 0;
      const perform = async (node: Node): Promise<void> => {
        node.startedAt = performance.now();
        node.output = await node.task.run();
        node.endedAt = performance.now();
        running--;
        ended++;
        for (const dependent of node.dependents) if (--dependent.waiting === 0) ready.push(dependent);
        if (ended === nodes.size) resolve();
        else fill();
      };
      const fill = (): void => {
        while (running < CONCURRENCY && next < ready.length) {
          running++;
          perform(ready[next++]!).catch(reject);
        }
      };
      fill();
    });
    return { verify: (shape) => verify([...nodes.values()], shape) };
  },
};

function verify(nodes: readonly Node[], shape: Shape): void {
  for (let index = 0; index < shape.size; index++) {
    const node = nodes[index]!;
    if (node.output !== 1) throw new Error(`${node.task.id} did not run`);
    for (let edge = shape.offsets[index]!; edge < shape.offsets[index + 1]!; edge++) {
      if (nodes[shape.dependencies[edge]!]!.endedAt > node.startedAt) throw new Error(`${node.task.id} ran too early`);
    }
  }
}
