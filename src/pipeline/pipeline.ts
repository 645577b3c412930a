/** A pipeline file that was read, checked and compiled: what the planner, the renderers and the simulator work with. */
import type { DocumentPath, SourceDocument } from "./document.js";
import type { HandlerDefinition, InputDefinition, PipelineDefinition, TaskDefinition } from "./schema.js";
import type { Template } from "./template.js";

/** A pipeline file that was read and checked. */
export interface Pipeline {
  /** Its `name`, or that of the file. */
  readonly name: string;
  /** The file as it was named by the caller, for messages. */
  readonly file: string;
  /** Absolute folder that relative paths in the file start from. */
  readonly directory: string;
  /** The text with the place of each of its parts; no promise. */
  readonly document: SourceDocument;
  /** The file as plain data, checked. */
  readonly definition: PipelineDefinition;
  /** What a run can be given, by name. */
  readonly inputs: ReadonlyMap<string, InputDefinition>;
  /** In the order of the file; a failure handler follows its task. */
  readonly tasks: readonly PipelineTask[];
  /** Pipeline-level `outputs`. */
  readonly outputs: ReadonlyMap<string, Template>;
}

/** A task of a pipeline, or the handler of a task's failure. */
export interface PipelineTask {
  /** Id of the task. */
  readonly id: string;
  /** Where it stands in the file; no promise. */
  readonly path: DocumentPath;
  /** Its part of the file as plain data, checked. */
  readonly definition: TaskDefinition | HandlerDefinition;
  /** Ids of `needs` and of every task that an expression names. */
  readonly needs: readonly string[];
  /** The task whose failure this one handles. */
  readonly handles?: string;
  /** Whether the run counts as a success even where this task failed. */
  readonly allowFailure: boolean;
  /** Its values, compiled; no promise. */
  readonly templates: TaskTemplates;
}

/** Compiled values of a task; each is there only where the file has it. */
export interface TaskTemplates {
  readonly command?: readonly Template[];
  readonly cwd?: Template;
  readonly env?: Template;
  readonly stdin?: Template;
  readonly with?: Template;
  readonly when?: Template;
  readonly forEach?: Template;
  readonly until?: Template;
  readonly outputs?: Template;
  readonly retryIf?: Template;
}

/** What a task does, in one word. */
export function workKind(definition: TaskDefinition | HandlerDefinition): "command" | "module" | "code" {
  if (definition.command !== undefined) return "command";
  return definition.module !== undefined ? "module" : "code";
}

/** The part of a definition that handlers do not have. */
export function taskOnly(definition: TaskDefinition | HandlerDefinition): Partial<TaskDefinition> {
  return definition as Partial<TaskDefinition>;
}
