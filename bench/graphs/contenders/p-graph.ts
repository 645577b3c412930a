import { type DependencyList, PGraph, type PGraphNodeMap } from "p-graph";
import { CONCURRENCY, type Contender } from "../contender.js";
import { Ledger } from "../ledger.js";

export const contender: Contender = {
  takes: "tasks",
  async run(tasks) {
    const ledger = new Ledger(tasks.length);
    const nodes: PGraphNodeMap = new Map();
    const dependencies: DependencyList = [];
    tasks.forEach((task, index) => {
      nodes.set(task.id, { run: () => ledger.perform(index, task) });
      for (const dependency of task.dependsOn) dependencies.push([dependency, task.id]);
    });
    await new PGraph(nodes, dependencies).run({ concurrency: CONCURRENCY });
    return ledger;
  },
};
