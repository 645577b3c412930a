/** The catalogue, warm, as whoever runs it; see `process-warm-ordinary-user.test.ts`. */
import { SandboxManager } from "#src/sandbox/sandbox-manager.js";
import { describeCatalogue } from "./catalogue.js";
import { wallPrograms } from "./wall-programs.js";

describeCatalogue(
  "hostile programs, warm, as an ordinary user",
  (config) =>
    new SandboxManager({ defaults: { ...config, runtime: "process", onUnsupported: ["memoryLimit", "cpuQuota"] } }),
  {
    spares: true,
    more: wallPrograms,
    // Its parent is outside of its pid namespace, so that killing it by its number, 0, is killing its own group.
    expectations: { C08: { verdicts: ["ok", "killed"] } },
  },
);
