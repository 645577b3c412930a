/** Code that nobody trusts, run behind the kernel's walls, with two packages and nothing else. */
import { SandboxExecutor } from "orchestrator-executor/sandbox";

const executor = new SandboxExecutor({
  memoryLimit: "512MB",
  cpuQuota: 50_000, // microseconds of CPU per 100 ms period: 50 % of one CPU
  timeLimit: 30,
  networkDisabled: true,
  allowedPackages: ["requests", "pandas"],
});
const result = await executor.executeCode(
  `import pandas as pd
df = pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})
result = df.sum()`,
  { language: "python" },
);
if (result.success)
  console.log(`Code output: ${result.output}`); // the sums of a and b: 6 and 15
else console.log(`Execution failed: ${result.error}`);
await executor.close();
