/** Runs pieces of code in the one sandbox of a session, each with output, use and artifacts of its own. */
import { assertNever } from "../../model/error.js";
import type { SandboxExecutionResult } from "../../model/sandbox.js";
import { endMark, makeToken } from "../channel/job.js";
import type { ResolvedLimits } from "../config.js";
import type { CodeRequest } from "../request.js";
import type { SessionEnd } from "../session.js";
import type { LaunchedSandbox, SandboxUsage } from "./launched.js";
import { PieceStream } from "./piece-streams.js";
import { runPiece } from "./run-code.js";

export interface PieceOutcome {
  readonly result: SandboxExecutionResult;
  /** Why the session ends with it; `undefined` where it goes on. */
  readonly end: SessionEnd | undefined;
}

export class SessionPieces {
  readonly #sandbox: LaunchedSandbox;
  readonly #limits: ResolvedLimits;
  readonly #stdout: PieceStream;
  readonly #stderr: PieceStream;
  /** What of the working folder the caller knows: what it laid there, and what earlier results brought. */
  readonly #known = new Map<string, Uint8Array>();
  #hasRun = false;

  constructor(sandbox: LaunchedSandbox, limits: ResolvedLimits) {
    this.#sandbox = sandbox;
    this.#limits = limits;
    this.#stdout = new PieceStream(sandbox.stdout);
    this.#stderr = new PieceStream(sandbox.stderr);
  }

  async run(request: CodeRequest): Promise<PieceOutcome> {
    const token = makeToken();
    const { result, goesOn } = await runPiece(this.#viewOfPiece(token), request, {
      limits: this.#limits,
      startedAt: performance.now(),
      token,
      hasRun: this.#hasRun,
      known: this.#known,
    });
    this.#hasRun = true;
    for (const { name, bytes } of request.files) this.#remember(name, bytes);
    for (const { name, bytes } of result.artifacts) this.#remember(name, bytes);
    return { result, end: endAfter(result, goesOn, request.signal?.aborted === true) };
  }

  /** The sandbox as one piece sees it: its own part of the streams, and counters that begin at nothing. */
  #viewOfPiece(token: string): LaunchedSandbox {
    const sandbox = this.#sandbox;
    const before = sandbox.usage();
    return {
      backend: sandbox.backend,
      channel: sandbox.channel,
      stdin: sandbox.stdin,
      stdout: this.#stdout.begin(endMark(token)),
      stderr: this.#stderr.begin(endMark(token)),
      warm: sandbox.warm,
      enforcement: sandbox.enforcement,
      exited: sandbox.exited,
      armDeadline: (milliseconds) => sandbox.armDeadline(milliseconds),
      watchMemory: (onExceeded) => sandbox.watchMemory?.(onExceeded),
      usage: () => useSince(before, sandbox.usage()),
      kill: () => sandbox.kill(),
      files: () => sandbox.files(),
      dispose: () => sandbox.dispose(),
    };
  }

  /** As much as the code could have on its disk; what was known longest is forgotten first, and is then new again. */
  #remember(name: string, bytes: Uint8Array): void {
    this.#known.delete(name);
    this.#known.set(name, bytes);
    let total = 0;
    for (const known of this.#known.values()) total += known.length;
    for (const [oldest, known] of this.#known) {
      if (total <= this.#limits.diskBytes) return;
      this.#known.delete(oldest);
      total -= known.length;
    }
  }
}

function useSince(before: SandboxUsage, now: SandboxUsage): SandboxUsage {
  return {
    ...now,
    ...(now.cpuSeconds === undefined ? {} : { cpuSeconds: now.cpuSeconds - (before.cpuSeconds ?? 0) }),
    oomKills: now.oomKills - before.oomKills,
    processLimitHits: now.processLimitHits - before.processLimitHits,
  };
}

function endAfter(result: SandboxExecutionResult, goesOn: boolean, aborted: boolean): SessionEnd | undefined {
  switch (result.verdict) {
    case "ok":
    case "error":
      if (goesOn) return undefined;
      return { reason: "exited", message: `its code has ended the process with exit code ${result.exitCode}` };
    case "timeout":
      return { reason: "timeout", message: "a piece of code ran into its time limit" };
    case "memory-limit":
    case "output-limit":
    case "process-limit":
    case "disk-limit":
      return { reason: "limit", message: `a piece of code ended with ${result.verdict}` };
    case "killed":
      if (aborted) return { reason: "closed", message: "a piece of code was aborted" };
      return { reason: "exited", message: result.error?.message ?? "a signal has ended its process" };
    case "sandbox-failure":
      return { reason: "failure", message: result.error?.message ?? "its sandbox has failed" };
    default:
      return assertNever(result.verdict);
  }
}
