// The coordinator of the chaos test: goes on with its run from the journal, however often it is killed.
import { distributed } from "orchestrator-executor/distributed";
import { ParallelExecutor, worker } from "orchestrator-executor/parallel";

const { url, count, module, journal, note } = JSON.parse(process.argv[2]);
const backend = distributed({ connection: url, lease: 2, window: 400 });
const executor = new ParallelExecutor({
  backend,
  maxConcurrentTasks: 400,
  retries: { attempts: 50, delay: "50ms", maxDelay: "500ms" },
});
const layer = 100;
const tasks = Array.from({ length: count }, (_, index) => ({
  id: `t${index}`,
  name: "work",
  run: worker(new URL(module), "workAndNote"),
  with: { note, ms: 5 + ((index * 7) % 30) },
  dependsOn:
    index < layer ? [] : [`t${index - layer}`, `t${index - layer - (index % layer === 0 ? 0 : 1)}`].filter(unique),
}));
const results = await executor.executeTasks(tasks, { runId: "chaos", journal, resume: true });
const failed = [...results].filter(([, { success }]) => !success).map(([id, { error }]) => `${id}: ${error}`);
console.log(JSON.stringify({ succeeded: results.size - failed.length, failed, stats: backend.stats() }));
await executor.close();

function unique(value, index, all) {
  return all.indexOf(value) === index;
}
