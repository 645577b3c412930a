/**
 * Every error that the engine makes itself. Each is an `OrchestratorError` with a stable `code`, so that a caller can
 * tell them apart without reading a message, and each message says what happened, to which task, why, and what to do.
 *
 * Errors travel between threads, processes and machines as data: `toErrorData` and `fromErrorData` keep the class
 * (where it is one of ours or one of the language's), name, message, stack, cause, code and own enumerable fields.
 */

import type { FailureReason } from "./result.js";

/** Stable identifiers of the engine's own errors. */
export type ErrorCode =
  | "INVALID_OPTION"
  | "INVALID_GRAPH"
  | "INVALID_PIPELINE"
  | "UNSUPPORTED_MODE"
  | "UNSUPPORTED_LIMIT"
  | "TASK_TIMEOUT"
  | "TASK_CANCELLED"
  | "TASK_SKIPPED"
  | "COMMAND_FAILED"
  | "WORKER_LOST"
  | "WORKER_OUT_OF_MEMORY"
  | "WORKER_EXITED"
  | "MODULE_NOT_LOADED"
  | "MESSAGE_REFUSED"
  | "NO_WORKER"
  | "REDIS_UNAVAILABLE"
  | "NOT_SERIALISABLE"
  | "NOT_KEYABLE"
  | "NOT_INVALIDATED"
  | "OUTPUT_LIMIT"
  | "LOOP_LIMIT"
  | "CHILD_TASK_FAILED"
  | "CODE_FAILED"
  | "SANDBOX_FAILURE"
  | "SESSION_ENDED"
  | "PACKAGE_NOT_FOUND"
  | "QUEUE_CLOSED"
  | "QUEUE_FULL"
  | "BATCH_RESULT"
  | "ACQUIRE_TIMEOUT"
  | "RESOURCE_FAILED"
  | "NO_ENDPOINT"
  | "EXECUTOR_CLOSED"
  | "JOURNAL_UNWRITABLE"
  | "JOURNAL_DAMAGED"
  | "JOURNAL_LOCKED"
  | "JOURNAL_FORMAT"
  | "JOURNAL_EXISTS"
  | "JOURNAL_NOT_FOUND"
  | "INTERNAL";

/** An error of the engine, told by its `code`. */
export class OrchestratorError extends Error {
  /** What kind of error it is; stable across versions. */
  readonly code: ErrorCode;
  /** What happened to the task, as data, where the error is a task's. */
  declare readonly failureReason?: FailureReason;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; failureReason?: FailureReason } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    Object.defineProperty(this, "name", {
      value: "OrchestratorError",
      writable: true,
      configurable: true,
      enumerable: false,
    });
    this.code = code;
    if (options.failureReason !== undefined) this.failureReason = options.failureReason;
  }
}

/** One thing that is wrong with what was given: where, what, and what would be right. */
export interface Problem {
  /** Path of the option, or id of the task: `"resourceLimits.maxMemory"`, `"task clean"`. */
  readonly where: string;
  /** What is wrong with it, and what would be right. */
  readonly message: string;
}

/** Options that are out of range, unknown or of the wrong type; all of them at once in `problems`. `code` is `INVALID_OPTION`. */
export class InvalidOptionError extends OrchestratorError {
  /** Everything that is wrong. */
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super("INVALID_OPTION", listProblems("invalid option", problems));
    this.name = "InvalidOptionError";
    this.problems = problems;
  }
}

/** A graph that cannot run; all that is wrong with it at once in `problems`. `code` is `INVALID_GRAPH`. */
export class InvalidGraphError extends OrchestratorError {
  /** Everything that is wrong. */
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super("INVALID_GRAPH", listProblems("invalid graph", problems));
    this.name = "InvalidGraphError";
    this.problems = problems;
  }
}

function listProblems(title: string, problems: readonly Problem[]): string {
  if (problems.length === 1) return `${title}: ${problems[0]!.where}: ${problems[0]!.message}`;
  return `${title}: ${problems.length} problems\n${problems.map((problem) => `  - ${problem.where}: ${problem.message}`).join("\n")}`;
}

/** An error as plain data that survives structured clone and JSON. */
export interface ErrorData {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly cause?: ErrorData;
  /** Members of an `AggregateError`. */
  readonly errors?: readonly ErrorData[];
  /** Own enumerable fields that are plain JSON. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Set when what was thrown was no `Error`; `message` then holds its text. */
  readonly thrown?: "non-error";
}

const languageErrors: Readonly<Record<string, new (message: string) => Error>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

const maximumDepth = 8;
const reservedFields = new Set(["name", "message", "stack", "cause", "errors", "code"]);

/** Turns anything thrown into data. Never throws. */
export function toErrorData(thrown: unknown, depth = 0): ErrorData {
  if (!(thrown instanceof Error)) return { name: "Error", message: describeThrown(thrown), thrown: "non-error" };
  const data: { -readonly [Key in keyof ErrorData]: ErrorData[Key] } = {
    name: String(thrown.name),
    message: String(thrown.message),
  };
  if (typeof thrown.stack === "string") data.stack = thrown.stack;
  const code = (thrown as { code?: unknown }).code;
  if (typeof code === "string") data.code = code;
  if (thrown.cause !== undefined && depth < maximumDepth) data.cause = toErrorData(thrown.cause, depth + 1);
  if (thrown instanceof AggregateError && depth < maximumDepth) {
    data.errors = thrown.errors.slice(0, 100).map((member) => toErrorData(member, depth + 1));
  }
  const fields = plainFields(thrown);
  if (fields !== undefined) data.fields = fields;
  return data;
}

/** The error that `toErrorData` described: of the same class where it is the language's or the engine's own. */
export function fromErrorData(data: ErrorData): Error {
  const error = makeError(data);
  if (error.name !== data.name) define(error, "name", data.name);
  define(error, "stack", data.stack ?? `${data.name}: ${data.message}`);
  if (data.cause !== undefined) define(error, "cause", fromErrorData(data.cause));
  if (data.code !== undefined && (error as { code?: unknown }).code === undefined)
    Object.assign(error, { code: data.code });
  if (data.fields !== undefined) {
    for (const [key, value] of Object.entries(data.fields))
      if (!reservedFields.has(key)) define(error, key, value, true);
  }
  return error;
}

function makeError(data: ErrorData): Error {
  if (data.errors !== undefined) return new AggregateError(data.errors.map(fromErrorData), data.message);
  if (data.name === "OrchestratorError" && data.code !== undefined)
    return new OrchestratorError(data.code as ErrorCode, data.message);
  const LanguageError = Object.hasOwn(languageErrors, data.name) ? languageErrors[data.name]! : Error;
  return new LanguageError(data.message);
}

function define(error: Error, key: string, value: unknown, enumerable = false): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable });
}

/** A field that is nested deeper stays behind: whoever writes the error down goes through it by calls. */
const deepestField = 100;

function plainFields(error: Error): Record<string, unknown> | undefined {
  let fields: Record<string, unknown> | undefined;
  for (const key of Object.keys(error)) {
    if (reservedFields.has(key)) continue;
    try {
      const text = JSON.stringify((error as unknown as Record<string, unknown>)[key]);
      if (text === undefined || text.length > 16_384 || opensMoreThan(deepestField, text)) continue;
      fields ??= {};
      fields[key] = JSON.parse(text);
    } catch {
      // A field that is no JSON (a cycle, a getter that throws) is left behind; the error itself still travels.
    }
  }
  return fields;
}

/** Whether a JSON text has more brackets than that before any of them is closed. Those in strings count, too: it is for what is odd. */
function opensMoreThan(depth: number, text: string): boolean {
  let open = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === 0x5b || unit === 0x7b) {
      if (++open > depth) return true;
    } else if (unit === 0x5d || unit === 0x7d) open--;
  }
  return false;
}

/** What was thrown as an `Error`: itself if it is one. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(describeThrown(thrown), { cause: thrown });
}

function describeThrown(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  try {
    return `a value that is no Error was thrown: ${JSON.stringify(thrown) ?? String(thrown)}`;
  } catch {
    return "a value that is no Error was thrown";
  }
}

/** Ends a `switch` over a union: the compiler refuses a case that was forgotten. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
