/** The catalogue, cold, as whoever runs it; see `process-cold-ordinary-user.test.ts`. */
import { SandboxManager } from "#src/sandbox/sandbox-manager.js";
import { describeCatalogue } from "./catalogue.js";
import { wallPrograms } from "./wall-programs.js";

describeCatalogue(
  "hostile programs, cold, as an ordinary user",
  (config) =>
    new SandboxManager({
      defaults: { ...config, runtime: "process", warm: false, onUnsupported: ["memoryLimit", "cpuQuota"] },
    }),
  { more: wallPrograms },
);
