/** Nothing is done twice, what belongs together is done together, and workers stay warm. */
import { batch, OptimizedExecutor, type Task, worker } from "orchestrator-executor";

let calls = 0;
const translate = batch(
  "translate",
  (items: readonly { readonly word: string }[]) => {
    calls++;
    return items.map(({ word }) => word.toUpperCase());
  },
  { maxWait: "1s" },
);

const words = Array.from({ length: 25 }, (_, index) => `word ${index}`);
const module = new URL("./optimized-tasks.js", import.meta.url);
const tasks: Task[] = [
  ...words.map((word): Task => ({ id: `translate:${word}`, version: "1", with: { word }, run: translate })),
  { id: "fingerprint", with: { text: words.join() }, run: worker(module, "fingerprint") },
];

const executor = new OptimizedExecutor({
  enableCaching: true,
  enableBatching: true,
  batchSize: 10,
  cacheTtl: 3600,
  resourcePooling: true,
});
const results = await executor.executeOptimized(tasks);
console.log(results.get("translate:word 24")?.output, results.get("fingerprint")?.output);
console.log(`${words.length} words in ${calls} calls`);

const again = await executor.executeOptimized(tasks);
console.log(
  `again: ${calls} calls, ${[...again.values()].filter(({ workerId }) => workerId === "cache").length} from the cache`,
);
await executor.close();
