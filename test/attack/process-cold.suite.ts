/** The catalogue, cold, as whoever runs it; see `process-cold-ordinary-user.test.ts`. */
import { ProcessSandboxExecutor } from "#src/sandbox/sandbox-executor.js";
import { describeCatalogue } from "./catalogue.js";

describeCatalogue(
  "hostile programs, cold, as an ordinary user",
  (config) => new ProcessSandboxExecutor({ ...config, warm: false, onUnsupported: ["memoryLimit", "cpuQuota"] }),
);
