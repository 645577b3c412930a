/** The catalogue, warm, as whoever runs it; see `process-warm-ordinary-user.test.ts`. */
import { ProcessSandboxExecutor } from "#src/sandbox/sandbox-executor.js";
import { describeCatalogue } from "./catalogue.js";

describeCatalogue(
  "hostile programs, warm, as an ordinary user",
  (config) => new ProcessSandboxExecutor({ ...config, onUnsupported: ["memoryLimit", "cpuQuota"] }),
  {
    spares: true,
    // Its parent is outside of its pid namespace, so that killing it by its number, 0, is killing its own group.
    expectations: { C08: { verdicts: ["ok", "killed"] } },
  },
);
