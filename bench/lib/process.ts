import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const graceSeconds = 10;

/** Runs a compiled script of this package in a fresh process, and gives the JSON of its last line. */
export async function measureInProcess<T>(
  script: string,
  args: readonly string[],
  options: { readonly timeoutSeconds: number; readonly nodeOptions?: readonly string[] },
): Promise<T | { readonly failed: string }> {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const child = spawn(process.execPath, ["--expose-gc", ...(options.nodeOptions ?? []), path, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr = (stderr + chunk).slice(-10_000);
  });
  let overTime = false;
  // Asked first, so that it can end what it started: whatever of that lived on would hold the pipes, and this process with them.
  const kill = setTimeout(() => child.kill("SIGKILL"), (options.timeoutSeconds + graceSeconds) * 1000);
  const timer = setTimeout(() => {
    overTime = true;
    child.kill("SIGTERM");
  }, options.timeoutSeconds * 1000);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  clearTimeout(timer);
  clearTimeout(kill);
  if (overTime) return { failed: `over ${options.timeoutSeconds} s` };
  if (exitCode !== 0) return { failed: reasonIn(stderr) };
  return JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as T;
}

function reasonIn(stderr: string): string {
  const line = stderr.split("\n").find((text) => /Error|FATAL/.test(text)) ?? stderr.trim().split("\n").at(-1) ?? "";
  return line.trim().slice(0, 160) || "ended without a word";
}
