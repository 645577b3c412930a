import { SandboxManager } from "#src/sandbox/sandbox-manager.js";
import { describeCatalogue } from "./catalogue.js";
import { wallPrograms } from "./wall-programs.js";

describeCatalogue(
  "hostile programs, warm",
  (config) => new SandboxManager({ defaults: { ...config, runtime: "process" } }),
  {
    spares: true,
    more: wallPrograms,
    // Its parent is outside of its pid namespace, so that killing it by its number, 0, is killing its own group.
    expectations: { C08: { verdicts: ["ok", "killed"] } },
  },
);
