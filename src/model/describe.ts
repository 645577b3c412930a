/** Makers of work that is described as data: what runs in a thread, a process, a command or a sandbox. */
import { describe } from "./check.js";
import type { WorkerContext } from "./context.js";
import { InvalidOptionError } from "./error.js";
import type { SandboxExecutionResult } from "./sandbox.js";
import type { ConditionContext } from "./task.js";
import type {
  CodeWork,
  CodeWorkOptions,
  CommandOptions,
  CommandOutput,
  CommandWork,
  DeferredWork,
  ProcessWork,
  ThreadWork,
} from "./work.js";

/** A function that a module exports for workers. */
// biome-ignore lint/suspicious/noExplicitAny: any inputs, so that a function of whatever inputs matches
export type WorkerFunction = (inputs: any, context: WorkerContext) => unknown;

type InputsOf<F extends WorkerFunction> = Parameters<F> extends [] ? unknown : Parameters<F>[0];
type OutputOf<F extends WorkerFunction> = Awaited<ReturnType<F>>;

/**
 * An exported function of a module, to run in a warm worker thread.
 *
 * @example
 * // in images.ts
 * export const halve = ({ pixels }: { pixels: readonly number[] }) => pixels.map((pixel) => pixel / 2);
 *
 * // in the program
 * import type { halve } from "./images.js";
 * const graph = new TaskGraph();
 * const work = worker<typeof halve>(new URL("./images.js", import.meta.url), "halve");
 * const half = graph.task("halve", { pixels: [4, 2] }, work);
 * await using executor = new ParallelExecutor({ maxWorkers: 2 });
 * console.log((await executor.executeTasks(graph)).get(half).output); // prints [ 2, 1 ]
 *
 * @param module `file:` URL of an ECMAScript or CommonJS module that Node can load as it is.
 * @throws InvalidOptionError where the URL is none of a file or the name is empty.
 */
export function worker<F extends WorkerFunction = WorkerFunction>(
  module: URL | string,
  exportName: string,
  options: { readonly transfer?: readonly ArrayBuffer[] } = {},
): ThreadWork<InputsOf<F>, OutputOf<F>> {
  const work = {
    kind: "thread",
    module: moduleHref("worker", module),
    exportName: checkExport("worker", exportName),
  } as const;
  return options.transfer === undefined ? work : { ...work, transfer: options.transfer };
}

/**
 * The same as `worker()`, in a warm child process of its own: a crash or a leak cannot reach this process.
 *
 * @example
 * // in parsing.ts
 * export const parse = ({ text }: { text: string }) => JSON.parse(text) as unknown;
 *
 * // in the program
 * import type { parse } from "./parsing.js";
 * const graph = new TaskGraph();
 * const work = subprocess<typeof parse>(new URL("./parsing.js", import.meta.url), "parse");
 * const parsed = graph.task("parse", { text: '{ "a": 1 }' }, work, { resources: { memory: "256MB" } });
 * await using executor = new ParallelExecutor();
 * console.log((await executor.executeTasks(graph)).get(parsed).output); // prints { a: 1 }
 */
export function subprocess<F extends WorkerFunction = WorkerFunction>(
  module: URL | string,
  exportName: string,
): ProcessWork<InputsOf<F>, OutputOf<F>> {
  return {
    kind: "process",
    module: moduleHref("subprocess", module),
    exportName: checkExport("subprocess", exportName),
  };
}

/**
 * A program and its arguments: `command(["git", "log", "-1"], { output: "text" })`. No shell reads them unless `shell` is true.
 *
 * @example
 * await using executor = new ParallelExecutor();
 * const results = await executor.executeTasks([
 *   { id: "sum", run: command(["node", "--print", "1 + 1"], { output: "json" }), timeout: "30s" },
 * ]);
 * console.log(results.get("sum")?.output); // prints 2
 */
export function command(
  argv: readonly string[],
  options: CommandOptions & { readonly output: "text" },
): CommandWork<unknown, string>;
export function command(
  argv: readonly string[],
  options: CommandOptions & { readonly output: "json" },
): CommandWork<unknown, unknown>;
export function command(argv: readonly string[], options?: CommandOptions): CommandWork<unknown, CommandOutput>;
export function command(argv: readonly string[], options: CommandOptions = {}): CommandWork<unknown, unknown> {
  const valid =
    Array.isArray(argv) && argv.length > 0 && argv.every((part) => typeof part === "string" && !part.includes("\0"));
  if (!valid || argv[0] === "")
    throw invalid("command.argv", `takes an array of strings without NUL, the program first; ${lineOrNot(argv)}`);
  return { kind: "command", argv: [...argv], options };
}

/**
 * Source code to run in a sandbox: `code("python", "result = sum(inputs['numbers'])")`. The code finds the task's inputs,
 * which must be JSON data, as `inputs`.
 *
 * @example
 * await using executor = new ParallelExecutor();
 * const results = await executor.executeTasks([
 *   { id: "sum", run: code("python", "sum(inputs['numbers'])"), with: { numbers: [1, 2, 3] } },
 * ]);
 * console.log(results.get("sum")?.output); // prints 6
 */
export function code(
  language: string,
  source: string,
  options: CodeWorkOptions & { readonly output: "result" },
): CodeWork<unknown, SandboxExecutionResult>;
// biome-ignore lint/suspicious/noExplicitAny: nothing can tell what type code in another language gives
export function code<Output = any>(
  language: string,
  source: string,
  options?: CodeWorkOptions,
): CodeWork<unknown, Output>;
export function code(
  language: string,
  source: string,
  { sandbox, ...options }: CodeWorkOptions = {},
): CodeWork<unknown, unknown> {
  if (typeof language !== "string" || language === "") throw invalid("code.language", "takes the name of a language");
  if (typeof source !== "string") throw invalid("code.source", "takes source text");
  return {
    kind: "code",
    language,
    source,
    ...(sandbox === undefined ? undefined : { sandbox }),
    ...(Object.keys(options).length === 0 ? undefined : { options }),
  };
}

/**
 * Work that is made when its task starts, from what earlier tasks gave: `deferred({ resolve: ({ output }) => ({ work:
 * command(["wc", "-l", output("download")]) }) })`. `finish` may turn what the work gave into the task's output.
 *
 * @example
 * const graph = new TaskGraph();
 * const words = graph.task("words", () => ["hello", "you"]);
 * const echo = deferred({ resolve: ({ output }) => ({ work: command(["echo", ...(output("words") as string[])], { output: "text" }) }) });
 * const said = graph.task("say", { words }, echo);
 * await using executor = new ParallelExecutor();
 * console.log((await executor.executeTasks(graph)).get(said).output); // prints hello you
 */
export function deferred<Output = unknown>(options: {
  readonly resolve: DeferredWork["resolve"];
  readonly finish?: (output: unknown, context: ConditionContext) => Output | PromiseLike<Output>;
}): DeferredWork<unknown, Output> {
  if (typeof options?.resolve !== "function") throw invalid("deferred.resolve", "takes a function");
  const work = { kind: "deferred", resolve: options.resolve } as const;
  return options.finish === undefined ? work : { ...work, finish: options.finish };
}

function moduleHref(maker: string, module: URL | string): string {
  try {
    const url = new URL(module);
    if (url.protocol === "file:") return url.href;
  } catch {
    // Told below, with what was given.
  }
  throw invalid(
    `${maker}.module`,
    `takes a file: URL such as new URL("./tasks.js", import.meta.url), got ${String(module)}`,
  );
}

/** A line as one types it into a shell is the likeliest mistake. */
function lineOrNot(argv: unknown): string {
  if (typeof argv !== "string") return `got ${describe(argv)}`;
  return `a line for the shell is command([${JSON.stringify(argv.slice(0, 80))}], { shell: true })`;
}

function checkExport(maker: string, exportName: string): string {
  if (typeof exportName === "string" && exportName !== "") return exportName;
  throw invalid(`${maker}.exportName`, `takes the name of an export, got ${describe(exportName)}`);
}

function invalid(where: string, message: string): InvalidOptionError {
  return new InvalidOptionError([{ where, message }]);
}
