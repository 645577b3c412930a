/** The plain way, written apart from the package: a free worker takes the task that has been ready for longest. */
import type { RecordedGraph } from "#src/pipeline/wfformat.js";

/** Seconds from the first start to the last end. */
export function firstInMakespan({ tasks }: RecordedGraph, workers: number): number {
  const byId = new Map(
    tasks.map((task) => [task.id, { task, waiting: task.dependsOn?.length ?? 0, dependents: [] as string[] }]),
  );
  for (const task of tasks) for (const id of task.dependsOn ?? []) byId.get(id)!.dependents.push(task.id);
  const ready = tasks.filter((task) => (task.dependsOn ?? []).length === 0).map(({ id }) => id);
  const running: { id: string; end: number }[] = [];
  let now = 0;
  while (ready.length > 0 || running.length > 0) {
    while (ready.length > 0 && running.length < workers) {
      const id = ready.shift()!;
      running.push({ id, end: now + Number(byId.get(id)!.task.expectedDuration ?? 0) });
    }
    running.sort((a, b) => a.end - b.end);
    const { id, end } = running.shift()!;
    now = end;
    for (const dependent of byId.get(id)!.dependents) if (--byId.get(dependent)!.waiting === 0) ready.push(dependent);
  }
  return now;
}
