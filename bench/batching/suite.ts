/** How many calls a handler of fixed cost is spared, beside the ideal of full batches. */
import { OptimizedExecutor } from "#src/executor/optimized-executor.js";
import { batch } from "#src/model/batch.js";
import type { Task } from "#src/model/task.js";
import { median } from "../lib/statistics.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";

const taskCount = 1000;
const batchSize = 10;
const costMs = 20;
const rounds = 5;

interface Round {
  readonly calls: number;
  readonly seconds: number;
}

export async function run({ log }: SuiteOptions): Promise<SuiteResult> {
  const ideal = taskCount / batchSize;
  const ways = [
    ["batched", true],
    ["one by one", false],
  ] as const;
  const rows: string[][] = [];
  let worst = 0;
  for (const [name, enableBatching] of ways) {
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round++) measured.push(await measure(enableBatching));
    const most = Math.max(...measured.map(({ calls }) => calls));
    if (enableBatching) worst = most;
    const middle = median(measured.map(({ seconds }) => seconds));
    rows.push([name, `${median(measured.map(({ calls }) => calls))}`, `${most}`, middle.toFixed(2)]);
    log(`${name}: ${most} calls at most, ${middle.toFixed(2)} s`);
  }
  return {
    order: 7,
    title: "Batching",
    method: `${taskCount} tasks of one batch, whose handler waits ${costMs} ms for each call whatever its size; OptimizedExecutor with batchSize ${batchSize} and everything else by default; ${rounds} rounds.`,
    goals: [
      {
        what: `calls for ${taskCount} tasks, at the worst of ${rounds} rounds`,
        goal: `at most ${Math.round(ideal * 1.1)} (ideal ${ideal})`,
        measured: `${worst}`,
        met: worst <= ideal * 1.1,
      },
    ],
    tables: [{ title: "Calls and time", head: ["way", "calls, median", "calls, most", "seconds, median"], rows }],
  };
}

async function measure(enableBatching: boolean): Promise<Round> {
  let calls = 0;
  const work = batch("fixed cost", async (items: readonly { readonly n: number }[]) => {
    calls++;
    await new Promise((resolve) => setTimeout(resolve, costMs));
    return items.map(({ n }) => n);
  });
  const tasks: Task[] = Array.from({ length: taskCount }, (_, n) => ({ id: `task ${n}`, with: { n }, run: work }));
  const executor = new OptimizedExecutor({ enableBatching, batchSize });
  const startedAt = performance.now();
  const results = await executor.executeOptimized(tasks);
  const seconds = (performance.now() - startedAt) / 1000;
  await executor.close();
  for (const task of tasks)
    if (results.get(task.id)?.output !== task.with?.n) throw new Error(`${task.id} gave a wrong output`);
  return { calls, seconds };
}
