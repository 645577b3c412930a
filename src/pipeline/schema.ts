/**
 * The format of a pipeline file, once: the validator, the types and the published JSON Schema all come from here. The
 * descriptions are what an editor shows beside a key, so they are written for the person who types it.
 *
 * What a shape cannot say (unknown `needs`, cycles, a task with two kinds of work, a bad expression) is checked in
 * `check.ts`, with the positions of the file.
 */
import * as z from "zod";
import { sandbox } from "./schema-sandbox.js";
import { duration, namePattern, size } from "./schema-values.js";

const name = z.string().regex(namePattern);
const scalar = z.union([z.string(), z.number(), z.boolean()]);
const values = z.record(z.string().max(200), z.unknown());

export const inputTypes = ["string", "number", "integer", "boolean", "path", "list", "object"] as const;
export type InputType = (typeof inputTypes)[number];

const inputDefinition = z
  .strictObject({
    type: z.enum(inputTypes).default("string").meta({
      description:
        "What is taken. A path is made absolute: a default against this file, a given one against the working directory.",
    }),
    default: z
      .unknown()
      .optional()
      .meta({ description: "Taken where none is given. An input without a default is required." }),
    description: z.string().optional(),
    choices: z.array(scalar).min(1).optional().meta({ description: "The only values taken." }),
    minimum: z.number().optional().meta({ description: "Least number taken." }),
    maximum: z.number().optional().meta({ description: "Greatest number taken." }),
  })
  .meta({ id: "input" });

const retryPolicy = z.strictObject({
  attempts: z.int().min(1).max(1000).meta({ description: "Attempts in all, the first included." }),
  delay: duration.optional().meta({ description: "Wait before the second attempt. Default 1s." }),
  factor: z
    .number()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: "Each later wait is so many times as long. Default 2." }),
  maxDelay: duration.optional().meta({ description: "No wait is longer. Default 60s." }),
  jitter: z.boolean().optional().meta({ description: "Draw each wait evenly from 0 to its length. Default true." }),
  if: z
    .string()
    .min(1)
    .optional()
    .meta({
      description: "Expression over `error` (name, message, code) and `attempt`; false gives up.",
      examples: ['error.message.contains("timed out")'],
    }),
});

const retry = z
  .union([z.int().min(0).max(999), retryPolicy])
  .meta({ id: "retry", description: "Retries after the first attempt, or a policy. Default 0." });

const expression = z.string().min(1);

const loop = z
  .strictObject({
    until: expression.meta({
      description:
        "Expression over `output` (of this iteration), `index` (from 0), `inputs`, `env` and `tasks`; true ends the loop.",
      examples: ["output.remaining == 0"],
    }),
    maxIterations: z
      .int()
      .min(1)
      .max(100_000)
      .meta({ description: "The task fails when so many iterations were not enough." }),
  })
  .meta({
    id: "loop",
    description:
      "Runs the work again until a condition holds. `previous` is the last iteration's output, null at first.",
  });

const code = z
  .strictObject({
    language: z
      .string()
      .min(1)
      .meta({ examples: ["python", "javascript"] }),
    source: z
      .string()
      .min(1)
      .optional()
      .meta({ description: "The code. It is taken as it stands: values reach it as `inputs`, from `with`." }),
    file: z.string().min(1).optional().meta({ description: "File that holds the code, relative to this file." }),
    sandbox: sandbox.optional(),
  })
  .meta({ id: "code", description: "Code that nobody trusts, run in a sandbox." });

const resources = z
  .object({
    cpu: z.number().min(0).optional().meta({ description: "CPU cores; fractions are taken." }),
    memory: size.optional(),
  })
  .catchall(z.number().min(0))
  .meta({
    id: "resources",
    description: "What an attempt holds while it runs. Other names are those of `limits.resources`.",
  });

/** The keys that say what a task does; shared by tasks and their failure handlers. */
const workShape = {
  command: z
    .union([z.array(scalar).min(1), z.string().min(1)])
    .optional()
    .meta({
      description:
        "A program and its arguments, each expression one argument; or, with `shell: true`, one line for /bin/sh.",
      examples: [["git", "log", "-1"]],
    }),
  shell: z
    .boolean()
    .optional()
    .meta({ description: "Hand `command` (a string) to /bin/sh. Expressions are refused in it: pass them by `env`." }),
  cwd: z
    .string()
    .min(1)
    .optional()
    .meta({ description: "Working directory of the command. Default: this file's folder." }),
  env: z
    .record(z.string().min(1).max(200), scalar)
    .optional()
    .meta({ description: "Variables to set for the command." }),
  stdin: z.string().optional().meta({ description: "Text for the command's standard input." }),
  stdout: z.enum(["text", "json", "result"]).optional().meta({
    description:
      "What the task's output is: standard output as text (default), parsed as JSON, or everything with the exit code.",
  }),
  successCodes: z
    .array(z.int().min(0).max(255))
    .min(1)
    .optional()
    .meta({ description: "Exit codes that are a success. Default [0]." }),
  maxOutput: size
    .optional()
    .meta({ description: "Most bytes kept of standard output and standard error, each. Default 16 MiB." }),
  killGrace: duration.optional().meta({ description: "Time between SIGTERM and SIGKILL. Default 2s." }),
  module: z
    .string()
    .min(1)
    .optional()
    .meta({
      description: "An exported function: `./tasks.js#clean`. It is given what `with` says, and a context.",
      examples: ["./tasks.js#clean"],
    }),
  runner: z.enum(["thread", "process", "inline"]).optional().meta({
    description: "Where a module runs: a worker thread (default), a child process, or this process.",
  }),
  code: code.optional(),
  with: values.optional().meta({ description: "Inputs of the module or the code, by name." }),
  retry: retry.optional(),
  timeout: duration.optional().meta({ description: "Limit of one attempt, from its start." }),
  totalTimeout: duration.optional().meta({ description: "Limit of the whole task, retries included." }),
  resources: resources.optional(),
  priority: z.int().min(-1_000_000).max(1_000_000).optional().meta({ description: "Higher starts first. Default 0." }),
};

const handler = z.strictObject(workShape).meta({
  id: "handler",
  description: "Run when the task has failed or timed out; `tasks.<id>.error` tells why.",
});

const task = z
  .strictObject({
    description: z.string().optional(),
    needs: z
      .union([name, z.array(name)])
      .optional()
      .meta({ description: "Tasks that must have ended before. Those that expressions name are added." }),
    ...workShape,
    when: z
      .union([expression, z.boolean()])
      .optional()
      .meta({
        description: "Expression; false skips the task.",
        examples: ["tasks.validate.output.errors == 0"],
      }),
    trigger: z.enum(["all-succeeded", "all-done", "any-failed"]).optional().meta({
      description: "When the task starts, once all that it needs has ended. Default all-succeeded.",
    }),
    forEach: z
      .union([expression, z.array(z.unknown())])
      .optional()
      .meta({
        description:
          "Runs the work once for each item of a list, with `item` and `index`. The output is the list of outputs.",
        examples: ["tasks.list.output"],
      }),
    concurrency: z
      .int()
      .min(1)
      .optional()
      .meta({ description: "Most items of `forEach` at once. Default: the limits alone." }),
    loop: loop.optional(),
    outputs: values
      .optional()
      .meta({ description: "Named values made from `output`; other tasks read them as `tasks.<id>.outputs.<name>`." }),
    onFailure: handler.optional(),
    allowFailure: z
      .boolean()
      .optional()
      .meta({ description: "The run counts as a success even where this task failed. Default false." }),
    expectedDuration: duration
      .optional()
      .meta({ description: "How long the task is thought to run, for ordering and `orchestrator simulate`." }),
  })
  .meta({
    id: "task",
    oneOf: [{ required: ["command"] }, { required: ["module"] }, { required: ["code"] }],
  });

const limits = z
  .strictObject({
    maxConcurrentTasks: z.int().min(1).max(100_000).optional().meta({ description: "Most attempts that run at once." }),
    maxWorkers: z
      .int()
      .min(1)
      .max(1024)
      .optional()
      .meta({ description: "Most worker threads and, separately, processes." }),
    maxMemory: size.optional().meta({ description: "Declared memory of all that runs at once." }),
    maxCpuCores: z.number().min(0.001).optional().meta({ description: "Declared CPU cores of all that runs at once." }),
    resources: z
      .record(name, z.number().min(0))
      .optional()
      .meta({ description: "Limits of resources with names of your own: { gpu: 1 }." }),
  })
  .meta({ id: "limits" });

export const pipelineSchema = z
  .strictObject({
    $schema: z.string().optional().meta({ description: "Address of this schema, for editors." }),
    name: z.string().min(1).max(200).optional().meta({ description: "Default: the file's name." }),
    description: z.string().optional(),
    inputs: z
      .record(name, z.union([inputDefinition, scalar]))
      .optional()
      .meta({
        description: "What a run can be given with `-i name=value`: a definition, or the default alone.",
      }),
    env: z
      .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/))
      .optional()
      .meta({
        description: "Environment variables that expressions and commands may see. No other is visible.",
      }),
    limits: limits.optional(),
    defaults: z
      .strictObject({
        retry: z.union([z.int().min(0).max(999), retryPolicy.omit({ if: true })]).optional(),
        timeout: duration.optional(),
      })
      .optional()
      .meta({ description: "For tasks that say nothing else." }),
    failurePolicy: z.enum(["continue", "fail-fast"]).optional().meta({
      description: "After a failure: go on with what does not depend on it (default), or cancel the rest.",
    }),
    tasks: z.record(name, task).meta({ description: "The tasks, by id." }),
    outputs: values.optional().meta({ description: "What the run gives: values over `tasks`, `inputs` and `env`." }),
  })
  .meta({ title: "orchestrator pipeline", description: "A graph of tasks for `orchestrator run`." });

/** A pipeline file whose shape is right. */
export type PipelineDefinition = z.output<typeof pipelineSchema>;
/** A task of a pipeline file as plain data. */
export type TaskDefinition = PipelineDefinition["tasks"][string];
export type HandlerDefinition = NonNullable<TaskDefinition["onFailure"]>;
export type InputDefinition = z.output<typeof inputDefinition>;
export type RetryDefinition = NonNullable<TaskDefinition["retry"]>;

/**
 * The published JSON Schema (draft 2020-12), as `pipeline.schema.json` holds it.
 *
 * @example
 * console.log(Object.keys(pipelineJsonSchema()).includes("properties")); // prints true
 */
export function pipelineJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(pipelineSchema, { io: "input" }) as Record<string, unknown>;
}
