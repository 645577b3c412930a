/** The catalogue, warm, as whoever runs it; see `process-warm-ordinary-user.test.ts`. */
import { ProcessSandboxExecutor } from "#src/sandbox/sandbox-executor.js";
import { describeCatalogue } from "./catalogue.js";

describeCatalogue(
  "hostile programs, warm, as an ordinary user",
  (config) => new ProcessSandboxExecutor({ ...config, onUnsupported: ["memoryLimit", "cpuQuota"] }),
  { spares: true },
);
