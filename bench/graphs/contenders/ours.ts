import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import { CONCURRENCY, type Contender } from "../contender.js";

export const contender: Contender = {
  takes: "tasks",
  async run(tasks) {
    const results = await new ParallelExecutor({ maxConcurrentTasks: CONCURRENCY }).executeTasks(tasks);
    return {
      verify(shape) {
        if (results.size !== shape.size) throw new Error(`${results.size} results of ${shape.size} tasks`);
        tasks.forEach((task, index) => {
          const result = results.get(task.id);
          if (!result?.success || result.output !== 1 || result.startedAt === undefined) {
            throw new Error(`${task.id} did not succeed`);
          }
          for (let edge = shape.offsets[index]!; edge < shape.offsets[index + 1]!; edge++) {
            const dependency = tasks[shape.dependencies[edge]!]!.id;
            // Times since the epoch are floats: a microsecond is within their rounding.
            if (results.get(dependency)!.endedAt > result.startedAt + 0.001)
              throw new Error(`${task.id} ran too early`);
          }
        });
      },
    };
  },
};
