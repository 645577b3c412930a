/** A supervisor in a process of its own, that a test can kill, stall or leak descriptors into. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "../../..");

/** Runs `body` as a module with `ProcessSandboxExecutor` and `SandboxExecutor` in scope. */
export function startSupervisor(body: string, stdio: readonly ("pipe" | "ignore")[] = []): ChildProcess {
  const source = `import { ProcessSandboxExecutor, SandboxExecutor } from "${root}/dist/sandbox/sandbox-executor.js";\n${body}`;
  return spawn(process.execPath, ["--input-type=module", "-e", source], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit", ...stdio],
  });
}

/** Standard output of a supervisor up to the first line that matches. */
export function lineOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = "";
  return new Promise((settle, reject) => {
    child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const line = text.split("\n").find((candidate) => pattern.test(candidate));
      if (line !== undefined) settle(line);
    });
    child.once("exit", () => reject(new Error(`the supervisor ended before it said ${pattern}: ${text}`)));
  });
}

export function exitOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((settle) => child.once("exit", () => settle()));
}

/** Polls until there is nothing, at most `deadlineMs`; gives what is still there. */
export async function untilNothing(look: () => readonly string[], deadlineMs = 10_000): Promise<readonly string[]> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const found = look();
    if (found.length === 0 || performance.now() > deadline) return found;
    await new Promise((settle) => setTimeout(settle, 20));
  }
}

/** What a supervisor's sandboxes are on the host: processes that see its folder, and cgroups with its pid. */
export function remainsOf(pid: number): string[] {
  return [...processesOf(pid), ...cgroupsOf("/sys/fs/cgroup", pid, 0)];
}

function processesOf(supervisor: number): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === supervisor) return false;
    try {
      return (
        readFileSync(`/proc/${pid}/mountinfo`, "latin1").includes(`orchestrator-sandbox-`) && isOf(pid, supervisor)
      );
    } catch {
      return false;
    }
  });
}

function isOf(pid: string, supervisor: number): boolean {
  return new RegExp(`orchestrator-sandbox-\\d+-${supervisor}-`).test(readFileSync(`/proc/${pid}/mountinfo`, "latin1"));
}

function cgroupsOf(folder: string, pid: number, depth: number): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (!entry.isDirectory()) return [];
      const path = `${folder}/${entry.name}`;
      if (new RegExp(`^oe-\\d+-${pid}-`).test(entry.name)) return [path];
      return depth < 5 ? cgroupsOf(path, pid, depth + 1) : [];
    });
  } catch {
    return [];
  }
}
