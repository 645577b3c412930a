// A coordinator in a process of its own, to be killed: runs one held task and prints how its run went.
import { distributed } from "orchestrator-executor/distributed";
import { ParallelExecutor, worker } from "orchestrator-executor/parallel";

const { url, runId, module, graph, journal } = JSON.parse(process.argv[2]);
const backend = distributed({ connection: url });
const executor = new ParallelExecutor({ backend });
const tasks = graph.map(({ exportName, ...task }) => ({ ...task, run: worker(new URL(module), exportName) }));
const results = await executor.executeTasks(tasks, { runId, journal, resume: true });
console.log(JSON.stringify({ stats: backend.stats(), results: [...results].map(([id, { status }]) => [id, status]) }));
await executor.close();
