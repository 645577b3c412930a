/** A supervisor in a process of its own, for tests that kill it, stall it, leak descriptors into it, or see how it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const built = (file: string): string => JSON.stringify(join(root, "dist/sandbox", file));
const imports = `import { ProcessSandboxExecutor, SandboxExecutor } from ${built("sandbox-executor.js")};
import { SandboxManager } from ${built("sandbox-manager.js")};
`;

const running = new Set<ChildProcess>();

export interface SupervisorOptions {
  /** A command that starts the rest of its own. */
  readonly under?: readonly string[];
  /** Descriptors beyond the standard ones. */
  readonly stdio?: readonly ("pipe" | "ignore")[];
}

export interface Supervisor {
  readonly pid: number;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly isRunning: boolean;
  kill(): void;
  /** The first whole line of standard output, from the start on, that begins with `word`: what follows the word. */
  line(word: string): Promise<string>;
}

/** Runs `code` as a module with `ProcessSandboxExecutor`, `SandboxExecutor` and `SandboxManager` in scope. */
export function startSupervisor(code: string, { under = [], stdio = [] }: SupervisorOptions = {}): Supervisor {
  const [command, ...args] = [...under, process.execPath, "--input-type=module", "-e", imports + code];
  const child = spawn(command!, args, { stdio: ["ignore", "pipe", "inherit", ...stdio] });
  running.add(child);
  let text = "";
  child.stdout!.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("exit", (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  return {
    pid: child.pid!,
    ended,
    get isRunning() {
      return running.has(child);
    },
    kill: () => void child.kill("SIGKILL"),
    line: (word) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const whole = text.split("\n").slice(0, -1);
          const line = whole.find((candidate) => candidate.startsWith(word));
          if (line === undefined) return;
          child.stdout!.off("data", look);
          resolve(line.slice(word.length).trim());
        };
        child.stdout!.on("data", look);
        look();
        child.stdout!.once("close", () => reject(new Error(`the supervisor ended before it said ${word}: ${text}`)));
        if (child.stdout!.closed) reject(new Error(`the supervisor had ended before it said ${word}: ${text}`));
      }),
  };
}

/** Kills those that a failed test has left. */
export function endSupervisors(): void {
  for (const child of running) child.kill("SIGKILL");
}
