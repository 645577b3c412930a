/** What a task does, as data: a function in this process, or a description that a runner carries out elsewhere. */
import type { BatchWork } from "./batch.js";
import type { TaskContext } from "./context.js";
import type { SandboxConfig } from "./sandbox.js";
import type { ConditionContext } from "./task.js";
import type { Duration, Size } from "./units.js";

/** Inputs of a task: outputs of other tasks and constants, by name. */
export type Inputs = Readonly<Record<string, unknown>>;

/** A task's function: it is given its inputs by name, and the context of the attempt. */
export type TaskFunction<In = Inputs, Out = unknown> = (inputs: In, context: TaskContext) => Out | PromiseLike<Out>;

declare const workTypes: unique symbol;

/** Carries the types of inputs and output through a description; never present at run time. */
export interface WorkTypes<In, Out> {
  readonly [workTypes]?: (inputs: In) => Out;
}

/** An exported function of a module, run in a warm worker thread. Made by `worker()`. */
export interface ThreadWork<In = never, Out = unknown> extends WorkTypes<In, Out> {
  readonly kind: "thread";
  /** URL of the module (`file:`), as text. */
  readonly module: string;
  /** Name of the export. */
  readonly exportName: string;
  /** Buffers among the task's constant inputs that are moved to the worker instead of copied. */
  readonly transfer?: readonly ArrayBuffer[];
}

/** An exported function of a module, run in a warm child process. Made by `subprocess()`. */
export interface ProcessWork<In = never, Out = unknown> extends WorkTypes<In, Out> {
  readonly kind: "process";
  /** URL of the module (`file:`), as text. */
  readonly module: string;
  /** Name of the export. */
  readonly exportName: string;
}

/** A program with arguments. Made by `command()`. */
export interface CommandWork<In = never, Out = CommandOutput> extends WorkTypes<In, Out> {
  readonly kind: "command";
  /** Program and arguments, or one line for the shell where `shell` is true. */
  readonly argv: readonly string[];
  /** What `command()` was told besides. */
  readonly options: CommandOptions;
}

/** How a command is started, and what its output is. */
export interface CommandOptions {
  /** Working directory. Default: the process's own. */
  readonly cwd?: string;
  /** Variables to set. Default: none besides `inheritEnv`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Names of variables of this process that the command sees. Default `PATH`, `HOME`, `LANG`, `TMPDIR`, `TZ`. */
  readonly inheritEnv?: readonly string[];
  /** Text or bytes written to the command's standard input, which is then closed. Default: empty. */
  readonly stdin?: string | Uint8Array;
  /** Run `argv[0]` by `/bin/sh -c`. Default `false`. */
  readonly shell?: boolean;
  /** Most bytes kept of each of standard output and standard error. More ends the attempt (`onOutputLimit: "fail"`) or is dropped. Default 16 MiB. */
  readonly maxOutput?: Size;
  /** Whether output beyond `maxOutput` fails the attempt or is dropped. Default `"fail"`. */
  readonly onOutputLimit?: "fail" | "truncate";
  /** Exit codes that are a success. Default `[0]`. */
  readonly successCodes?: readonly number[];
  /** Time between SIGTERM and SIGKILL when the attempt is aborted. Default 2 seconds. */
  readonly killGrace?: Duration;
  /** What the task's output is: everything (`"result"`, default), standard output as text without its last newline, or parsed as JSON. */
  readonly output?: "result" | "text" | "json";
}

/** What a command gave. */
export interface CommandOutput {
  /** 0, or another one of `successCodes`. */
  readonly exitCode: number;
  /** Standard output as text (UTF-8). */
  readonly stdout: string;
  /** Standard error as text (UTF-8). */
  readonly stderr: string;
  /** Whether output beyond `maxOutput` was dropped. */
  readonly truncated: boolean;
}

/** Source code that nobody trusts, run in a sandbox. Made by `code()`. */
export interface CodeWork<In = never, Out = unknown> extends WorkTypes<In, Out> {
  readonly kind: "code";
  /** `"python"`, `"javascript"` or `"bash"`. */
  readonly language: string;
  /** The code, as it is given to the language's interpreter. */
  readonly source: string;
  /** How the code is locked in, over what the executor says. Absent where `code()` was told nothing. */
  readonly sandbox?: SandboxConfig;
  /** What `code()` was told besides. */
  readonly options?: Omit<CodeWorkOptions, "sandbox">;
}

/** What `code()` takes besides language and source. */
export interface CodeWorkOptions {
  /** How the code is locked in, under what the task's own `sandbox` says and over the executor's. Default: as the executor says. */
  readonly sandbox?: SandboxConfig;
  /** Files to lay into the working folder: relative path to text or bytes. Default: none. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** What the code reads from standard input. Default: nothing, at its end at once. */
  readonly stdin?: string | Uint8Array;
  /** Variables that the code sees besides the sandbox's own few. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments, after the program's name. Default: none. */
  readonly args?: readonly string[];
  /**
   * What the task's output is: the value of `result` or of the last expression, or what was printed where there is no
   * value (`"value"`, default), or the whole `SandboxExecutionResult`, artifacts included (`"result"`).
   */
  readonly output?: "value" | "result";
}

/** Work that is described as data. `kind` names the runner that carries it out. */
export type DescribedWork<In = never, Out = unknown> =
  | ThreadWork<In, Out>
  | ProcessWork<In, Out>
  | CommandWork<In, Out>
  | CodeWork<In, Out>
  | BatchWork<In, Out>;

/** Work that is known only when the task starts, because it is made from what other tasks gave. Made by `deferred()`. */
export interface DeferredWork<In = never, Out = unknown> extends WorkTypes<In, Out> {
  readonly kind: "deferred";
  /** Asked once for each attempt, when it starts. A throw fails the attempt. */
  readonly resolve: (context: ConditionContext) => ResolvedWork | PromiseLike<ResolvedWork>;
  /** Turns what the work gave into the task's output. */
  readonly finish?: (output: unknown, context: ConditionContext) => Out | PromiseLike<Out>;
}

/** What `deferred()` work turned out to be. */
export interface ResolvedWork {
  /** What is carried out. */
  readonly work: DescribedWork;
  /** Inputs besides the task's own. */
  readonly with?: Inputs;
}

/** Anything that a task can do. */
export type Work<In = never, Out = unknown> = TaskFunction<In, Out> | DescribedWork<In, Out> | DeferredWork<In, Out>;
