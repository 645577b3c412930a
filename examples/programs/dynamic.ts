/** Work that is found while the work goes on: a task adds tasks and waits for them without holding a slot. */
import { ParallelExecutor, TaskGraph } from "orchestrator-executor";

const pages: Readonly<Record<string, readonly string[]>> = {
  index: ["guide", "reference"],
  guide: ["install", "index"],
  reference: [],
  install: [],
};

const graph = new TaskGraph("crawl");
const crawl = graph.task("crawl", async (_inputs, context) => {
  const seen = new Set(["index"]);
  let frontier = ["index"];
  while (frontier.length > 0) {
    const found = await context
      .spawn(
        frontier.map((page) => ({ id: `page:${page}`, run: () => pages[page] })),
        { concurrency: 2 },
      )
      .results();
    const links = [...found.values()].flatMap((result) => (result.success ? (result.output as string[]) : []));
    frontier = [...new Set(links)].filter((page) => !seen.has(page));
    for (const page of frontier) seen.add(page);
  }
  return [...seen];
});
graph.loop("settle", { crawl }, ({ crawl, iteration }): number => crawl.length - iteration, {
  until: (left) => left <= 2,
  maxIterations: 10,
});

await using executor = new ParallelExecutor({ maxConcurrentTasks: 4 });
const results = await executor.executeTasks(graph);
for (const [taskId, result] of results) console.log(taskId, result.success ? result.output : result.error);
