/** Runs a file of tests in a child process that has given up being root, as most people's processes are. */
import { spawn } from "node:child_process";
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "vitest";

const ordinaryUser = 64_321;
const root = resolve(import.meta.dirname, "../..");

/** `suites` are paths from the project's root, which its own pattern of tests need not match. */
export async function runAsOrdinaryUser(...suites: readonly string[]): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "ordinary-user-"));
  // Where there is none, Vitest writes into the next one above, which may be somebody else's.
  mkdirSync(join(home, "node_modules"));
  for (const path of [home, join(home, "node_modules")]) chownSync(path, ordinaryUser, ordinaryUser);
  // Vitest bundles a configuration beside itself, which this user may not write: everything comes by options.
  const config = join(home, "vitest.config.mjs");
  writeFileSync(
    config,
    `export default { root: ${JSON.stringify(root)}, cacheDir: ${JSON.stringify(join(home, "cache"))}, test: { include: ${JSON.stringify(suites)}, testTimeout: 60000, hookTimeout: 120000, expect: { poll: { timeout: 60000 } }, pool: "forks", maxWorkers: 1 } };`,
  );
  try {
    const { code, output } = await run(home, [
      process.execPath,
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      "--config",
      config,
    ]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/Tests .*\d+ passed/);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function run(home: string, command: readonly string[]): Promise<{ code: number | null; output: string }> {
  const become = [`--reuid=${ordinaryUser}`, `--regid=${ordinaryUser}`, "--clear-groups", "--inh-caps=-all"];
  const child = spawn("setpriv", [...become, "--", ...command], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: home, TMPDIR: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  return new Promise((settle, reject) => {
    child.once("error", reject);
    child.once("close", (code) => settle({ code, output }));
  });
}
