/** What the machine has: Node's version, cores, memory. */
import { availableParallelism, cpus, freemem, platform, release, totalmem } from "node:os";
import { formatBytes } from "../../model/units.js";
import type { Answer, Check } from "./check.js";

const leastNode = [20, 19] as const;

export const machineChecks: readonly Check[] = [
  { name: "node", run: nodeVersion },
  { name: "system", run: system },
  { name: "processors", run: processors },
  { name: "memory", run: memory },
];

function nodeVersion(): Answer {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const enough = major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1]);
  if (enough) return { verdict: "good", found: process.version };
  return { verdict: "bad", found: process.version, advice: `install Node.js ${leastNode.join(".")} or later` };
}

function system(): Answer {
  const found = `${platform()} ${release()} ${process.arch}`;
  if (platform() === "linux") return { verdict: "good", found };
  return { verdict: "limited", found, advice: "limits of processes and sandboxes are enforced on Linux alone" };
}

function processors(): Answer {
  const available = availableParallelism();
  const present = cpus().length;
  return { verdict: "good", found: available === present ? `${available}` : `${available} available of ${present}` };
}

function memory(): Answer {
  const total = totalmem();
  const limit = process.constrainedMemory();
  const constrained = limit > 0 && limit < total ? `, limited to ${formatBytes(limit)} by its container` : "";
  return { verdict: "good", found: `${formatBytes(total)}${constrained}, ${formatBytes(freemem())} free` };
}
