/**
 * Reads recorded executions of scientific workflows in WfFormat 1.5 (WfCommons, https://wfcommons.org/format), for
 * `orchestrator simulate`: the tasks, what each waited for, and how long each ran.
 */
import type { Task } from "../model/task.js";

/** A graph whose tasks have durations and do nothing. */
export interface RecordedGraph {
  readonly name: string;
  /** Each with `dependsOn` and `expectedDuration` (seconds). */
  readonly tasks: readonly Task[];
  /** Seconds that the recorded execution took, on the machines that it had. */
  readonly recordedMakespan?: number;
}

/** A file that is no workflow in WfFormat 1.5, with what is wrong. */
export class WfFormatError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "WfFormatError";
  }
}

/** Whether parsed JSON looks like WfFormat rather than a pipeline. */
export function isWfFormat(value: unknown): boolean {
  return isMap(value) && isMap(value.workflow) && ("specification" in value.workflow || "schemaVersion" in value);
}

/**
 * The graph of a workflow.
 * @throws WfFormatError where parts are missing, or the version is another than 1.5
 */
export function readWfFormat(value: unknown): RecordedGraph {
  const file = asMap(value, "the file");
  if (file.schemaVersion !== "1.5")
    throw new WfFormatError(`takes WfFormat 1.5, got version ${JSON.stringify(file.schemaVersion)}`);
  const workflow = asMap(file.workflow, "workflow");
  const execution = asMap(workflow.execution, "workflow.execution");
  const specified = asList(
    asMap(workflow.specification, "workflow.specification").tasks,
    "workflow.specification.tasks",
  );
  const durations = readDurations(asList(execution.tasks, "workflow.execution.tasks"));
  const makespan = execution.makespanInSeconds;
  return {
    name: typeof file.name === "string" ? file.name : "workflow",
    tasks: specified.map((task, index) => toTask(task, `workflow.specification.tasks[${index}]`, durations)),
    ...(typeof makespan === "number" && { recordedMakespan: makespan }),
  };
}

function readDurations(tasks: readonly unknown[]): Map<string, number> {
  const durations = new Map<string, number>();
  for (const [index, value] of tasks.entries()) {
    const where = `workflow.execution.tasks[${index}]`;
    const { id, runtimeInSeconds } = asMap(value, where);
    if (typeof id !== "string") throw new WfFormatError(`${where}.id is missing`);
    if (typeof runtimeInSeconds !== "number" || !(runtimeInSeconds >= 0))
      throw new WfFormatError(
        `${where}.runtimeInSeconds takes seconds from 0, got ${JSON.stringify(runtimeInSeconds)}`,
      );
    durations.set(id, runtimeInSeconds);
  }
  return durations;
}

function toTask(value: unknown, where: string, durations: ReadonlyMap<string, number>): Task {
  const { id, name, parents } = asMap(value, where);
  if (typeof id !== "string") throw new WfFormatError(`${where}.id is missing`);
  const duration = durations.get(id);
  if (duration === undefined) throw new WfFormatError(`${where}: no execution of "${id}" was recorded`);
  return {
    id,
    // Instances name each task after its id; what comes before a last number is the kind of task.
    name: (typeof name === "string" ? name : id).replace(/_(ID)?\d+$/, ""),
    dependsOn: asList(parents, `${where}.parents`).map(String),
    expectedDuration: duration,
    run: () => undefined,
  };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asMap(value: unknown, where: string): Record<string, unknown> {
  if (isMap(value)) return value;
  throw new WfFormatError(`${where} is missing or no object`);
}

function asList(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new WfFormatError(`${where} is missing or no list`);
}
