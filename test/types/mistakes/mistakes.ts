/** The most common mistakes with graphs, tasks and executors. What the compiler says of each is kept in messages.txt. */
import { command, ParallelExecutor, type Task, TaskGraph, worker } from "orchestrator-executor";

const graph = new TaskGraph();
const executor = new ParallelExecutor();
const rows = graph.task("rows", () => [{ price: 1 }]);
const name = graph.task("name", async () => "text");
declare function total(inputs: { rows: number[] }): number;

export const wrongInputName = graph.task("a", { rows }, ({ row }) => row);
export const handleOfAnotherType = graph.task("b", { rows: name }, total);
export const missingInput = graph.task("c", { row: rows }, total);
export const idInsteadOfHandle = graph.task("d", { rows: "rows" }, ({ rows }) => rows.map(String));
export const missingAwait = () => executor.executeTasks(graph).get(rows);
export const wrongOption = graph.task("e", { rows }, ({ rows }) => rows.length, { retry: 3 });
export const wrongOptionOfTask: Task = { id: "f", run: () => 1, dependOn: ["a"] };
export const oneIdForMany: Task = { id: "g", run: () => 1, dependsOn: "a" };
export const objectForDuration: Task = { id: "h", run: () => 1, timeout: { seconds: 3 } };
export const textForNumber = new ParallelExecutor({ maxConcurrentTasks: "20" });
export const wrongChoice = new ParallelExecutor({ failurePolicy: "failfast" });
export const outputUnasked = async () => (await executor.executeTasks(graph)).get(rows).output.length;
export const lineForCommand = graph.task("i", command("ls -l"));
export const moduleOfAnotherType = graph.task("j", { rows }, worker<typeof total>("file:///tasks.js", "total"));
export const itemsOfNoList = graph.forEach("k", { items: name }, ({ item }) => item);
export const loopWithoutEnd = graph.loop("l", {}, () => 1, { maxIterations: 3 });
export const taskForTasks = executor.executeTasks({ id: "m", run: () => 1 });
export const textForRetries = graph.task("n", () => 1, { retries: "3" });
