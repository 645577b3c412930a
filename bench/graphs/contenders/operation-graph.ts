import { Operation, OperationExecutionManager, OperationStatus } from "@rushstack/operation-graph";
import { CONCURRENCY, type Contender } from "../contender.js";
import { Ledger } from "../ledger.js";

/** Terminal output is not what is measured. */
const silentTerminal = new Proxy({}, { get: () => () => {} });

export const contender: Contender = {
  takes: "tasks",
  async run(tasks) {
    const ledger = new Ledger(tasks.length);
    const operations = new Map<string, Operation>();
    tasks.forEach((task, index) => {
      const executeAsync = async () => {
        await ledger.perform(index, task);
        return OperationStatus.Success;
      };
      operations.set(task.id, new Operation({ name: task.id, runner: { name: task.id, silent: true, executeAsync } }));
    });
    for (const task of tasks) {
      const operation = operations.get(task.id)!;
      for (const dependency of task.dependsOn) operation.addDependency(operations.get(dependency)!);
    }
    await new OperationExecutionManager(new Set(operations.values())).executeAsync({
      abortSignal: new AbortController().signal,
      parallelism: CONCURRENCY,
      terminal: silentTerminal as never,
    });
    return ledger;
  },
};
