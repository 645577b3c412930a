/**
 * One command from its start to the end of its tree.
 *
 * The result is known when the program exits, not when its pipes close: a grandchild may hold them for ever. What it
 * wrote before its exit is in the pipes by then and is read; then whatever it left running is ended, because an attempt
 * that is over holds nothing any more.
 */
import { existsSync } from "node:fs";
import { type ContainedProcess, type ProcessExit, spawnContained } from "../../host/contained-process.js";
import { isPassingFault } from "../../host/passing-fault.js";
import { findProgram } from "../../host/program-path.js";
import { asError, OrchestratorError } from "../../model/error.js";
import type { CommandWork } from "../../model/work.js";
import type { AttemptControl, AttemptListener, AttemptRequest } from "../../port/runner.js";
import { declaredLimits } from "../process-limits.js";
import { traceVariables } from "../trace-variables.js";
import { type CheckedCommand, checkCommandOptions } from "./options.js";
import { CapturedOutput, readToEnd } from "./output.js";
import { type CommandEnd, commandFailure, outputOf, usageOf } from "./verdict.js";

/** After the exit, the longest wait for pipes that somebody else holds open. */
const drainMs = 100;

/** What a command left behind is asked to end, and killed after this. */
const leftoverGraceMs = 100;

export class CommandAttempt implements AttemptControl {
  readonly #request: AttemptRequest;
  readonly #work: CommandWork;
  readonly #listener: AttemptListener;
  readonly #workerId: string;
  #process: ContainedProcess | undefined;
  #aborted = false;
  #closing = false;
  #killGraceMs = 0;
  #limitReached = false;
  #termination: Promise<void> | undefined;
  #done: Promise<void> | undefined;

  constructor(request: AttemptRequest, work: CommandWork, listener: AttemptListener, workerId: string) {
    this.#request = request;
    this.#work = work;
    this.#listener = listener;
    this.#workerId = workerId;
  }

  /** Resolves when the attempt has ended and been told; never rejects. */
  run(): Promise<void> {
    this.#done ??= this.#run().catch((thrown) => {
      this.#listener.failed({ error: asError(thrown), reason: { kind: "error" } });
    });
    return this.#done;
  }

  abort(_reason: Error): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#terminate(this.#killGraceMs);
  }

  async close(reason: Error): Promise<void> {
    this.#closing = true;
    this.abort(reason);
    // An attempt that is in the grace of an earlier abort is not waited for.
    void this.#process?.terminate(0);
    await this.#done;
  }

  async #run(): Promise<void> {
    let options: CheckedCommand;
    try {
      options = checkCommandOptions(this.#work.options);
      this.#killGraceMs = options.killGraceMs;
      this.#process = this.#spawn(options);
    } catch (thrown) {
      const isFinal = isPassingFault(thrown) ? {} : { retryable: false };
      this.#listener.failed({ error: asError(thrown), reason: { kind: "error" }, ...isFinal });
      return;
    }
    this.#listener.started(this.#workerId);
    const end = await this.#follow(this.#process, options);
    this.#tell(end, options);
  }

  #spawn(options: CheckedCommand): ContainedProcess {
    const { cwd, env } = options;
    const [program, ...rest] = this.#work.argv;
    if (!existsSync(cwd)) throw commandNotStarted(program!, `the working directory ${cwd} does not exist`);
    // `sh -c LINE sh ARGUMENTS`: what follows the line is $1, $2, ... in it.
    const argv = options.shell ? ["/bin/sh", "-c", program!, "sh", ...rest] : [program!, ...rest];
    const path = findProgram(argv[0]!, { cwd, path: env.PATH });
    if (path === undefined) {
      const where = program!.includes("/") ? `in ${cwd}` : `in PATH (${env.PATH ?? "not set"})`;
      throw commandNotStarted(program!, `no such program ${where}`, "ENOENT");
    }
    return spawnContained({
      label: this.#request.taskId,
      argv: [path, ...argv.slice(1)],
      cwd,
      env: { ...traceVariables(this.#request.trace), ...env },
      stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      limits: declaredLimits(this.#request),
    });
  }

  async #follow(contained: ContainedProcess, options: CheckedCommand): Promise<CommandEnd> {
    const { child } = contained;
    const capture = (stream: "stdout" | "stderr") =>
      new CapturedOutput(child[stream]!, {
        maximumBytes: options.maximumBytes,
        onLine: (line) => this.#listener.log(stream, line),
        onLimit: () => this.#outputLimit(options),
      });
    const stdout = capture("stdout");
    const stderr = capture("stderr");
    if (options.stdin !== undefined) {
      // A command that does not read all of its input is no failure of ours.
      child.stdin!.on("error", () => {});
      child.stdin!.end(options.stdin);
    }
    let exit: ProcessExit;
    try {
      exit = await contained.exited;
    } catch (thrown) {
      await contained.finish(0);
      throw commandNotStarted(this.#work.argv[0]!, asError(thrown).message);
    }
    await readToEnd([stdout, stderr], drainMs);
    await this.#termination;
    const contents = await contained.finish(this.#aborted || this.#limitReached ? 0 : leftoverGraceMs);
    stdout.finish();
    stderr.finish();
    return { exit, contained: contents, stdout, stderr };
  }

  #outputLimit({ failOnOutputLimit }: CheckedCommand): void {
    if (!failOnOutputLimit || this.#limitReached) return;
    this.#limitReached = true;
    this.#terminate(0);
  }

  #terminate(graceMs: number): void {
    this.#termination ??= this.#process?.terminate(this.#closing ? 0 : graceMs).catch(() => {});
  }

  #tell(end: CommandEnd, options: CheckedCommand): void {
    const usage = usageOf(end.contained);
    if (this.#aborted) {
      this.#listener.stopped(usage);
      return;
    }
    const failure = commandFailure(this.#work, options, end, {
      outputLimitReached: this.#limitReached,
      memoryLimitBytes: this.#request.memoryBytes,
    });
    if (failure !== undefined) {
      this.#listener.failed({ ...failure, ...(usage === undefined ? {} : { usage }) });
      return;
    }
    const output = outputOf(options, end);
    if (output.ok) this.#listener.succeeded(output.value, usage);
    else
      this.#listener.failed({
        error: output.error,
        reason: { kind: "error" },
        ...(usage === undefined ? {} : { usage }),
      });
  }
}

function commandNotStarted(program: string, why: string, code?: string): OrchestratorError {
  const cause = code === undefined ? undefined : Object.assign(new Error(`spawn ${program} ${code}`), { code });
  return new OrchestratorError("COMMAND_FAILED", `cannot start "${program}": ${why}`, { cause });
}
