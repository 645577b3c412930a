/** Pages that forks are known to write to are copied by the fork; where that cannot be, runs are slower and the same. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { startSupervisor } from "../supervisor.js";

const countFaults = `
const manager = new SandboxManager({ defaults: { onUnsupported: ["memoryLimit", "cpuQuota"] } });
const code = "import resource\\nresult = resource.getrusage(resource.RUSAGE_SELF).ru_minflt";
const counts = [];
for (let round = 0; round < 6; round++) {
  const { verdict, value, warm } = await manager.executeCode(code, { language: "python" });
  if (verdict === "ok" && warm) counts.push(value);
}
await manager.close();
console.log("faults", counts.length, Math.min(...counts));
`;

async function faultsOf(under: readonly string[]): Promise<{ readonly runs: number; readonly faults: number }> {
  const child = startSupervisor(countFaults, { under });
  const [runs, faults] = (await child.line("faults")).split(" ").map(Number);
  await child.ended;
  return { runs: runs!, faults: faults! };
}

test("runs whose server may pin next to nothing are well, and have more faults", async () => {
  const pinned = await faultsOf([]);
  // Less than a run is allowed, too: what is lower already stays.
  const unpinned = await faultsOf(["prlimit", "--memlock=32768"]);
  expect(pinned.runs).toBeGreaterThanOrEqual(5);
  expect(unpinned.runs).toBeGreaterThanOrEqual(5);
  if (mayPin()) expect(pinned.faults).toBeLessThan(unpinned.faults / 2);
});

/** Whether this host has the means. */
function mayPin(): boolean {
  const limit = /^Max locked memory\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "latin1"))![1]!;
  const enough = limit === "unlimited" || Number(limit) >= 8 * 2 ** 20;
  try {
    return enough && readFileSync("/proc/sys/kernel/io_uring_disabled", "latin1").trim() === "0";
  } catch {
    return false;
  }
}
