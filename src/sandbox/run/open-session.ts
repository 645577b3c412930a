/**
 * A session: one sandbox whose driver takes piece after piece.
 *
 *     idle -> running -> idle
 *       \         \-> ended    a limit, an abort, or the code itself ended the sandbox
 *        \-> ended             closed, or idle for too long
 *
 * Pieces run one after the other. Once ended a session stays so, and says why: what it knew is never half kept.
 */
import { randomUUID } from "node:crypto";
import { Checker } from "../../model/check.js";
import { InvalidOptionError, OrchestratorError } from "../../model/error.js";
import type { ExecuteCodeOptions, SandboxExecutionResult } from "../../model/sandbox.js";
import { formatDurationMs } from "../../model/units.js";
import type { ResolvedSandboxConfig } from "../config.js";
import type { Language } from "../language.js";
import { fileNameProblem, resolveCodeRequest } from "../request.js";
import type { SandboxSession, SessionEnd, SessionOptions, SessionState } from "../session.js";
import type { SandboxFiles } from "./files.js";
import { keepAliveDuring } from "./keep-alive.js";
import type { LaunchedSandbox, PreparedRecipe, Recipe, SandboxLauncher } from "./launched.js";
import { SessionPieces } from "./session-pieces.js";

export interface SessionRequest<Kind extends Recipe> {
  readonly prepared: PreparedRecipe<Kind>;
  readonly language: Language;
  readonly config: ResolvedSandboxConfig;
  readonly options: SessionOptions;
}

const defaultIdleMs = 600_000;

/**
 * Opens a session in a sandbox of `warm`, or of `cold` where the configuration wants no warm start or has parts of its
 * own on the host.
 *
 * @throws InvalidOptionError for an `idleLimit` that is no duration.
 */
export async function openSession<Kind extends Recipe>(
  warm: SandboxLauncher<Kind>,
  cold: SandboxLauncher<Kind>,
  { prepared, language, config, options }: SessionRequest<Kind>,
): Promise<SandboxSession> {
  const check = new Checker("session");
  const idleMs = check.durationMs("idleLimit", options.idleLimit, defaultIdleMs, 1);
  check.finish();
  const launcher = config.warm && config.allowedDomains.length === 0 ? warm : cold;
  const sandbox = await launcher.launch(prepared.recipe);
  return new Session(sandbox, { prepared, language, config, idleMs });
}

interface SessionParts {
  readonly prepared: Pick<PreparedRecipe<Recipe>, "denials" | "release">;
  readonly language: Language;
  readonly config: ResolvedSandboxConfig;
  readonly idleMs: number;
}

class Session implements SandboxSession {
  readonly id = randomUUID();
  readonly language: string;
  readonly #sandbox: LaunchedSandbox;
  readonly #parts: SessionParts;
  readonly #pieces: SessionPieces;
  /** The piece given last; each waits for the one before. */
  #last: Promise<unknown> = Promise.resolve();
  #running = 0;
  #end: SessionEnd | undefined;
  #closed: Promise<void> | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(sandbox: LaunchedSandbox, parts: SessionParts) {
    this.#sandbox = sandbox;
    this.#parts = parts;
    this.language = parts.language.name;
    this.#pieces = new SessionPieces(sandbox, parts.config.limits);
    this.#startIdling();
    void sandbox.exited.then(() => {
      // While a piece runs, its result tells what happened.
      if (this.#running === 0) void this.#finish({ reason: "exited", message: "the session's own process has ended" });
    });
  }

  get state(): SessionState {
    if (this.#end !== undefined) return "ended";
    return this.#running > 0 ? "running" : "idle";
  }

  get end(): SessionEnd | undefined {
    return this.#end;
  }

  async executeCode(code: string, options: Omit<ExecuteCodeOptions, "language"> = {}): Promise<SandboxExecutionResult> {
    const { config, prepared, language } = this.#parts;
    if (
      (options as ExecuteCodeOptions).language !== undefined &&
      (options as ExecuteCodeOptions).language !== this.language
    )
      throw new InvalidOptionError([{ where: "language", message: `this is a session of ${this.language}` }]);
    if (options.stdin !== undefined)
      throw new InvalidOptionError([{ where: "stdin", message: "the standard input of a session is at its end" }]);
    const request = resolveCodeRequest(code, { ...options, language: language.name }, { env: config.env });
    return this.#inTurn(async () => {
      const { result, end } = await this.#pieces.run(request);
      if (end !== undefined) await this.#finish(end);
      const denials = prepared.denials();
      return denials === undefined ? result : { ...result, networkDenials: denials };
    });
  }

  /** The file is laid by the session's own driver, so that nothing out here walks a path that code has made. */
  async putFile(name: string, content: string | Uint8Array): Promise<void> {
    const result = await this.executeCode("", { files: { [name]: content } });
    if (!result.success)
      throw new OrchestratorError("SANDBOX_FAILURE", `the file ${name} could not be laid: ${result.error?.message}`);
  }

  async getFile(name: string): Promise<Uint8Array> {
    const problem = fileNameProblem(name);
    if (problem !== undefined) throw new InvalidOptionError([{ where: "name", message: problem }]);
    return this.#withFiles(async (files) => {
      const content = await files.read(name);
      if (content !== undefined) return content;
      throw new InvalidOptionError([{ where: "name", message: `there is no regular file ${JSON.stringify(name)}` }]);
    });
  }

  async listFiles(): Promise<readonly { readonly name: string; readonly size: number }[]> {
    return this.#withFiles((files) => files.list());
  }

  close(): Promise<void> {
    return this.#finish({ reason: "closed", message: "the session was closed" });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Runs `work` after everything that was asked before. */
  #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    this.#refuseWhenEnded();
    const turn = this.#last.then(async () => {
      this.#refuseWhenEnded();
      this.#running++;
      clearTimeout(this.#idle);
      this.#sandbox.setWaiting?.(false);
      try {
        return await keepAliveDuring(work);
      } finally {
        this.#running--;
        this.#startIdling();
      }
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  #withFiles<Value>(read: (files: SandboxFiles) => Promise<Value>): Promise<Value> {
    return this.#inTurn(async () => {
      const files = await this.#sandbox.files();
      if (files === undefined) throw new OrchestratorError("SANDBOX_FAILURE", "the working folder cannot be opened");
      return read(files);
    });
  }

  /** An idle session keeps no program running that has nothing else to do. */
  #startIdling(): void {
    if (this.#end !== undefined || this.#running > 0) return;
    const { idleMs } = this.#parts;
    this.#sandbox.setWaiting?.(true);
    this.#idle = setTimeout(() => {
      const message = `the session was not used for ${formatDurationMs(idleMs)}`;
      void this.#finish({ reason: "idle", message });
    }, idleMs);
    this.#idle.unref();
  }

  #finish(end: SessionEnd): Promise<void> {
    this.#end ??= end;
    clearTimeout(this.#idle);
    this.#closed ??= keepAliveDuring(async () => {
      await this.#sandbox.dispose();
      await this.#parts.prepared.release();
    });
    return this.#closed;
  }

  #refuseWhenEnded(): void {
    if (this.#end === undefined) return;
    throw new OrchestratorError("SESSION_ENDED", `the session ${this.id} has ended: ${this.#end.message}`);
  }
}
