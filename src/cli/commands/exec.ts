/** `orchestrator exec`: runs a file that nobody trusts in a sandbox. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve, sep } from "node:path";
import { text as readAll } from "node:stream/consumers";
import type { SandboxExecutionResult } from "../../model/sandbox.js";
import { formatBytes } from "../../model/units.js";
import "../../sandbox/language/index.js";
import { languageOfFile } from "../../sandbox/language.js";
import { SandboxExecutor } from "../../sandbox/sandbox-executor.js";
import { type ExitCode, exitCode, UsageError } from "../exit-code.js";
import { harmless, makeStyle } from "../render/style.js";
import { seconds } from "../render/task-lines.js";
import { documentText } from "../result-document.js";
import { type SandboxFlags, sandboxConfigOf } from "../sandbox-flags.js";

export interface ExecFlags extends SandboxFlags {
  readonly language?: string;
  readonly input?: string;
  readonly stdin?: boolean;
  readonly artifacts?: string;
  readonly json?: boolean;
}

export async function exec(file: string, args: readonly string[], flags: ExecFlags): Promise<ExitCode> {
  const source = await readSource(file);
  const options = {
    language: flags.language ?? languageOfFile(file)?.name ?? defaultLanguage(file),
    args,
    ...(flags.input !== undefined && { inputs: parseInput(flags.input) }),
    ...(flags.stdin === true && { stdin: await readStdin(file) }),
  };
  const interrupted = new AbortController();
  const onInterrupt = () => interrupted.abort(new Error("interrupted"));
  process.once("SIGINT", onInterrupt);
  const stream = flags.json === true ? {} : { onStdout: passTo(process.stdout), onStderr: passTo(process.stderr) };
  const executor = new SandboxExecutor(sandboxConfigOf(flags));
  try {
    const result = await executor.executeCode(source, { ...options, ...stream, signal: interrupted.signal });
    if (flags.artifacts !== undefined) writeArtifacts(flags.artifacts, result);
    tell(result, flags);
    if (interrupted.signal.aborted) return exitCode.interrupted;
    return result.success ? exitCode.succeeded : exitCode.failed;
  } finally {
    process.off("SIGINT", onInterrupt);
    await executor.close();
  }
}

async function readSource(file: string): Promise<string> {
  if (file === "-") return readAll(process.stdin);
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

function defaultLanguage(file: string): string {
  if (file === "-") return "python";
  throw new UsageError(`the suffix of ${file} tells no language; name one with --language`);
}

async function readStdin(file: string): Promise<string> {
  if (file === "-")
    throw new UsageError("standard input holds the code already; give the code as a file to use --stdin");
  return readAll(process.stdin);
}

function parseInput(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new UsageError(`--input takes JSON: ${(error as Error).message}`);
  }
}

function passTo(stream: NodeJS.WriteStream): (chunk: Uint8Array) => void {
  return (chunk) => void stream.write(chunk);
}

function writeArtifacts(folder: string, { artifacts }: SandboxExecutionResult): void {
  const base = resolve(folder);
  for (const { name, bytes } of artifacts) {
    const path = resolve(base, name);
    // The sandbox gives plain relative names; nothing it says may write elsewhere all the same.
    if (!path.startsWith(base + sep)) throw new Error(`the artifact ${JSON.stringify(name)} would leave ${base}`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
}

function tell(result: SandboxExecutionResult, { json }: ExecFlags): void {
  if (json === true) {
    process.stdout.write(documentText(jsonOf(result)));
    return;
  }
  // What the code printed has been passed on already.
  if (result.stdout === "" && result.output !== "") process.stdout.write(`${result.output}\n`);
  if (result.success) return;
  const { executionTime, resourceUsage, verdict, error, stderr } = result;
  const style = makeStyle(process.stderr);
  const told =
    error?.traceback !== undefined && !stderr.includes(error.traceback.trim())
      ? `${harmless(error.traceback.trimEnd())}\n`
      : "";
  const used = resourceUsage.peakBytes === undefined ? "" : `, ${formatBytes(resourceUsage.peakBytes)} at most`;
  const facts = style.dim(`(${verdict}, after ${seconds(executionTime * 1000)}${used})`);
  process.stderr.write(`${told}${style.error("error:")} ${harmless(error?.message ?? verdict)} ${facts}\n`);
}

function jsonOf({ stdoutBytes: _out, stderrBytes: _err, error, artifacts, ...rest }: SandboxExecutionResult): unknown {
  return {
    ...rest,
    ...(error !== undefined && {
      error: { type: error.type, message: error.message, traceback: error.traceback, line: error.line },
    }),
    artifacts: artifacts.map(({ name, bytes }) => ({ name, bytes: bytes.byteLength })),
  };
}
