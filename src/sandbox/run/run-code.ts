/**
 * One piece of code in one launched sandbox: job in, output and frames out, deadline, verdict, artifacts. The same
 * for cold and warm starts.
 *
 *     send job -> (output, frames)* -> the first of: exit, deadline, output limit, abort, memory watch
 *              -> everything in the sandbox is killed -> files are collected -> the sandbox is given back -> result
 */
import type { Readable } from "node:stream";
import { SandboxCodeError, type SandboxExecutionResult, type SandboxVerdict } from "../../model/sandbox.js";
import { parseBoundedJson } from "../channel/bounded-json.js";
import { FrameReader } from "../channel/frame-reader.js";
import { codeFileName, encodeJob, makeToken } from "../channel/job.js";
import type { ResolvedLimits } from "../config.js";
import type { CodeRequest } from "../request.js";
import { judge, type ReportedError, type RunFacts } from "../verdict.js";
import type { ArtifactRequest } from "./files.js";
import type { LaunchedSandbox, SandboxExit, SandboxUsage } from "./launched.js";
import { OutputCapture } from "./output-capture.js";

/** Frames other than values: text, errors. */
const otherFrameBytes = 1 << 20;
/** The watch beside the sandbox leaves the supervisor this much to be first. */
const watchSlackMs = 25;
/**
 * Longest wait for the pipes to run dry after the first process has ended: so many turns of so many milliseconds. One long
 * timer would not do: where this process is held up for as long, it is over before anything that has come is read.
 */
const drainTurns = 10;
const drainTurnMs = 25;

type Ended = NonNullable<RunFacts["ended"]>;

export interface RunSettings {
  readonly limits: ResolvedLimits;
  /** When the clock of the time limit started, by `performance.now()`. */
  readonly startedAt: number;
  /** `session`: the sandbox goes on after the code, unless a limit or the code itself ends it. */
  readonly mode?: "once" | "session";
  /** Signs the frames of the piece; made at random where it is absent. */
  readonly token?: string;
  /** Whether an earlier piece has run in the sandbox. */
  readonly hasRun?: boolean;
  /** Content of files that are no artifacts as long as they have it, by name. */
  readonly known?: ReadonlyMap<string, Uint8Array>;
}

/** Runs one piece in a sandbox that goes on, if it can. The sandbox is the caller's to dispose of. */
export async function runPiece(
  sandbox: LaunchedSandbox,
  request: CodeRequest,
  settings: RunSettings,
): Promise<{ readonly result: SandboxExecutionResult; readonly goesOn: boolean }> {
  const run = new CodeRun(sandbox, request, { ...settings, mode: "session" });
  const result = await run.result();
  return { result, goesOn: run.goesOn };
}

export async function runCode(
  sandbox: LaunchedSandbox,
  request: CodeRequest,
  settings: RunSettings,
): Promise<SandboxExecutionResult> {
  const run = new CodeRun(sandbox, request, settings);
  try {
    return await run.result();
  } finally {
    await sandbox.dispose();
  }
}

class CodeRun {
  readonly #sandbox: LaunchedSandbox;
  readonly #request: CodeRequest;
  readonly #settings: RunSettings;
  readonly #frames: FrameReader;
  readonly #output: OutputCapture;
  readonly #token: string;
  #ended: Ended | undefined;
  #stop!: () => void;
  readonly #stopped: Promise<void>;
  #finish!: () => void;
  /** A piece of a session has come to its end. */
  readonly #finished: Promise<void>;
  /** Whether the sandbox takes another piece. */
  goesOn = false;
  #thrown: { readonly error: unknown } | undefined;
  #driverReady = false;
  /** Everything that was written has been read. */
  #isDry = false;

  constructor(sandbox: LaunchedSandbox, request: CodeRequest, settings: RunSettings) {
    this.#sandbox = sandbox;
    this.#request = request;
    this.#settings = settings;
    this.#token = settings.token ?? makeToken();
    this.#stopped = new Promise((resolve) => {
      this.#stop = resolve;
    });
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#driverReady = settings.hasRun === true;
    const { limits } = settings;
    const frameLimits = { valueBytes: limits.valueBytes, otherBytes: otherFrameBytes };
    this.#frames = new FrameReader(this.#token, frameLimits, (kind) => {
      if (kind === "done" && settings.mode === "session") this.#finish();
    });
    this.#output = new OutputCapture(sandbox, limits.outputBytes, {
      onStdout: request.onStdout,
      onStderr: request.onStderr,
      onLimit: () => this.#end("output"),
      onThrow: (error) => {
        this.#thrown = { error };
        this.#end("abort");
      },
    });
    sandbox.channel.output.on("data", this.#onChannel);
  }

  readonly #onChannel = (chunk: Buffer) => {
    this.#driverReady = true;
    this.#frames.push(chunk);
    if (this.#frames.overflowed) this.#end("output");
  };

  async result(): Promise<SandboxExecutionResult> {
    const { limits, startedAt } = this.#settings;
    const onAbort = () => this.#end("abort");
    const { signal } = this.#request;
    if (signal?.aborted === true) this.#end("abort");
    signal?.addEventListener("abort", onAbort, { once: true });
    const left = Math.max(1, limits.timeMs - (performance.now() - startedAt));
    const timer = setTimeout(() => this.#end("deadline"), left);
    this.#sandbox.watchMemory?.(() => this.#end("memory"));
    try {
      if (this.#ended === undefined) this.#send(left);
      const early = await Promise.race([this.#sandbox.exited, this.#stopped, this.#finished.then(() => "finished")]);
      if (early !== undefined) await this.#drain(early === "finished");
      this.goesOn = early === "finished" && this.#ended === undefined;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
    const exit = this.goesOn ? this.#leave() : await this.#killed();
    // Nobody can write any more now: what somebody who was left behind had held back comes to its end.
    if (!this.goesOn && !this.#isDry) await this.#drain(false);
    this.#sandbox.channel.output.off("data", this.#onChannel);
    const executionTime = (performance.now() - startedAt) / 1000;
    this.#output.detach();
    if (this.#thrown !== undefined) throw this.#thrown.error;
    return this.#assemble(exit, this.#sandbox.usage(), executionTime);
  }

  async #killed(): Promise<SandboxExit> {
    await this.#sandbox.kill();
    return this.#sandbox.exited;
  }

  /** The end of a piece whose sandbox goes on, as its driver told it: there is no other witness. */
  #leave(): SandboxExit {
    this.#sandbox.armDeadline(Number.POSITIVE_INFINITY);
    const code = Number.parseInt(this.#frames.text("done") ?? "", 10);
    return { exitCode: Number.isNaN(code) ? 1 : code & 0xff, signal: null };
  }

  #end(reason: Ended): void {
    this.#ended ??= reason;
    this.#stop();
  }

  #send(leftMs: number): void {
    const { limits } = this.#settings;
    const job = encodeJob(this.#request, {
      token: this.#token,
      mode: this.#settings.mode ?? "once",
      valueBytes: limits.valueBytes,
    });
    this.#sandbox.channel.input.write(job);
    this.#sandbox.armDeadline(leftMs + watchSlackMs);
    if (!this.#sandbox.stdin.writableEnded) this.#sandbox.stdin.end(this.#request.stdin);
  }

  /** Whoever held the pipes is dead or about to be; what they wrote is still on its way. */
  async #drain(goesOn: boolean): Promise<void> {
    // The end may be told before what was reported last has been read. A session's driver says itself that it is done.
    const reported = goesOn ? undefined : endOf(this.#sandbox.channel.output);
    void Promise.all([this.#output.ended, reported]).then(() => {
      this.#isDry = true;
    });
    for (let turn = 0; turn < drainTurns && !this.#isDry && this.#ended === undefined; turn++) {
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise((resolve) => {
        timer = setTimeout(resolve, drainTurnMs);
      });
      await Promise.race([Promise.all([this.#output.ended, reported]), patience, this.#stopped]);
      clearTimeout(timer);
    }
  }

  async #assemble(exit: SandboxExit, usage: SandboxUsage, executionTime: number): Promise<SandboxExecutionResult> {
    const { limits } = this.#settings;
    const files = await this.#sandbox.files();
    const stdoutBytes = this.#output.bytes("stdout");
    const stderrBytes = this.#output.bytes("stderr");
    const stderr = stderrBytes.toString("utf8");
    // Nobody asks of a run that ended well.
    const isFull = exit.exitCode !== 0 && (await files?.isFull()) === true;
    const facts = this.#facts(exit, usage, isFull, stderr);
    const { verdict, message } = judge(facts, limits);
    const success = verdict === "ok";
    const stdout = stdoutBytes.toString("utf8");
    const collected = (await files?.collect(this.#artifactRequest())) ?? { artifacts: [], omitted: [] };
    const ranByItself = this.#ended === undefined && exit.deadline !== true;
    return {
      success,
      verdict,
      output: stdout !== "" || !success ? stdout : (this.#frames.text("text") ?? this.#frames.text("string") ?? ""),
      ...(success ? this.#value() : {}),
      ...(success ? {} : { error: this.#error(verdict, message!, facts.reported) }),
      stdout,
      stderr,
      stdoutBytes,
      stderrBytes,
      truncated: this.#output.truncated,
      exitCode: exit.exitCode,
      signal: exit.signal ?? (ranByItself || exit.exitCode !== null ? null : "SIGKILL"),
      executionTime,
      resourceUsage: {
        ...(usage.cpuSeconds === undefined ? {} : { cpuSeconds: usage.cpuSeconds }),
        ...(usage.peakBytes === undefined ? {} : { peakBytes: usage.peakBytes }),
      },
      artifacts: collected.artifacts,
      artifactsOmitted: collected.omitted,
      backend: this.#sandbox.backend,
      language: this.#request.language.name,
      warm: this.#sandbox.warm,
      enforcement: this.#sandbox.enforcement,
    };
  }

  #facts(exit: SandboxExit, usage: SandboxUsage, diskFull: boolean, stderr: string): RunFacts {
    const deadline = exit.deadline === true ? "deadline" : undefined;
    const watched = usage.watched === "memory-limit" ? "memory" : undefined;
    return {
      failure: this.#failure(exit, usage, stderr),
      ended: this.#ended ?? watched ?? deadline,
      exitCode: exit.exitCode,
      signal: exit.signal,
      oomKills: usage.oomKills,
      processLimitHits: usage.processLimitHits,
      diskFull,
      peakBytes: usage.peakBytes,
      reported: this.#reported(),
      lastWords: lastLine(stderr),
    };
  }

  /** No code has run before the driver said a word: if everything ended before that, and no limit did it, the sandbox failed. */
  #failure(exit: SandboxExit, usage: SandboxUsage, stderr: string): string | undefined {
    if (exit.failure !== undefined) return this.#ended === undefined ? exit.failure : undefined;
    if (this.#driverReady || this.#ended !== undefined || exit.deadline === true || usage.oomKills > 0)
      return undefined;
    const how = exit.signal ?? `exit code ${exit.exitCode}`;
    return `it ended with ${how} before its driver could start: ${stderr.trim().slice(0, 2000)}`;
  }

  #reported(): ReportedError | undefined {
    const json = this.#frames.text("error");
    if (json === undefined) return undefined;
    const parsed = parseBoundedJson(json);
    if ("problem" in parsed || typeof parsed.value !== "object" || parsed.value === null) return undefined;
    const { type, message, traceback, line } = parsed.value as Record<string, unknown>;
    return {
      type: typeof type === "string" && type !== "" ? type.slice(0, 200) : "Error",
      message: typeof message === "string" ? message : "",
      traceback: typeof traceback === "string" ? traceback : undefined,
      line: Number.isSafeInteger(line) && (line as number) > 0 ? (line as number) : undefined,
    };
  }

  #error(verdict: SandboxVerdict, message: string, reported: ReportedError | undefined): SandboxCodeError {
    const isOwn = verdict === "error" && reported !== undefined;
    const type = isOwn ? reported.type : verdict === "error" ? "ExitCode" : verdict;
    return new SandboxCodeError({
      verdict,
      type,
      message,
      traceback: reported?.traceback,
      line: reported?.line,
    });
  }

  #value(): { readonly value?: unknown; readonly valueOmitted?: string } {
    const json = this.#frames.text("value");
    if (json !== undefined) {
      const parsed = parseBoundedJson(json);
      return "problem" in parsed ? { valueOmitted: parsed.problem } : { value: parsed.value };
    }
    const text = this.#frames.text("string");
    if (text !== undefined) return { value: text };
    const omitted = this.#frames.text("omitted");
    return omitted === undefined ? {} : { valueOmitted: omitted.slice(0, 1000) };
  }

  #artifactRequest(): ArtifactRequest {
    const { files, code, language } = this.#request;
    const known = new Map(this.#settings.known);
    for (const file of files) known.set(file.name, file.bytes);
    known.set(codeFileName(language), Buffer.from(code));
    const { artifactBytes, artifactCount } = this.#settings.limits;
    const limits = { bytes: artifactBytes, count: artifactCount };
    return { known, limits, ignored: language.ownFiles };
  }
}

function endOf(stream: Readable): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("end", resolve);
    stream.once("close", resolve);
  });
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1)?.slice(0, 2000) ?? "";
}
