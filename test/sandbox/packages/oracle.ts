/** Asks Debian's `packaging`, the reference implementation, what it thinks of many cases at once. */
import { spawnSync } from "node:child_process";

const python = "/usr/bin/python3";

export const hasOracle =
  spawnSync(python, ["-c", "import packaging.version, packaging.markers"], { stdio: "ignore" }).status === 0;

if (!hasOracle) console.warn("skipped: no data (python3-packaging is not installed, so nothing is compared with it)");

/** Runs `body`, which defines `answer(case)`, over the cases. */
export function askOracle<Case, Answer>(body: string, cases: readonly Case[]): Answer[] {
  const program = `import json, sys\n${body}\nprint(json.dumps([answer(case) for case in json.load(sys.stdin)]))`;
  const { stdout, stderr, status } = spawnSync(python, ["-c", program], {
    input: JSON.stringify(cases),
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`failed to ask packaging: ${stderr}`);
  return JSON.parse(stdout);
}
