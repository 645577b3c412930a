/** A supervisor in a process of its own, for tests that kill it, stall it, or see how it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const imports = `import { SandboxManager } from ${JSON.stringify(join(root, "dist/sandbox/sandbox-manager.js"))};\n`;

const started = new Set<ChildProcess>();

/** Runs a module whose code follows after `imports`; `under` is a command that starts the rest of its own. */
export function startSupervisor(code: string, under: readonly string[] = []): ChildProcess {
  const [command, ...args] = [...under, process.execPath, "--input-type=module", "-e", imports + code];
  const child = spawn(command!, args, {
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.add(child);
  child.once("exit", () => started.delete(child));
  return child;
}

/** Kills those that a failed test has left. */
export function endSupervisors(): void {
  for (const child of started) child.kill("SIGKILL");
}

/** The first line of its standard output that begins with `word`, without it. */
export function lineOf(child: ChildProcess, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const line = text.split("\n").find((candidate) => candidate.startsWith(word) && text.includes(`${candidate}\n`));
      if (line !== undefined) resolve(line.slice(word.length).trim());
    });
    child.once("exit", (exitCode, signal) => reject(new Error(`ended with ${signal ?? exitCode} and said: ${text}`)));
  });
}

export function exitOf(child: ChildProcess): Promise<{ readonly code: number | null; readonly signal: string | null }> {
  return new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
}

/** Living processes that descend from `pid`, which may be dead by the time they are looked for. */
export function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state !== "Z" && state !== "X") parents.set(Number(name), Number(parent));
    } catch {
      // Gone meanwhile.
    }
  }
  const isBelow = (child: number): boolean => {
    const parent = parents.get(child);
    return parent === pid || (parent !== undefined && parent > 1 && isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}

/** Whether a process with that pid runs. Zombies do not. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !["Z", "X"].includes(stat.slice(stat.lastIndexOf(")") + 2).charAt(0));
  } catch {
    return false;
  }
}
