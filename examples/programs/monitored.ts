/** Numbers about runs: how long tasks take, how many succeed, how busy the limits are. */
import { ExecutionMonitor, ParallelExecutor, type Task } from "orchestrator-executor";

const tasks: Task[] = Array.from({ length: 10 }, (_, index) => ({
  id: `task-${index}`,
  resources: { cpu: 0.1 },
  run: () => {
    if (index === 3) throw new Error("no such luck");
    return new Promise((resolve) => setTimeout(resolve, 10));
  },
}));

const monitor = new ExecutionMonitor();
const executor = new ParallelExecutor({ monitor });
await executor.executeTasks(tasks);
const metrics = monitor.getMetrics();
console.log(metrics.avgExecutionTime, metrics.successRate, metrics.resourceUtilization);
