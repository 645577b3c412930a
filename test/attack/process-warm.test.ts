import { ProcessSandboxExecutor } from "#src/sandbox/sandbox-executor.js";
import { describeCatalogue } from "./catalogue.js";

describeCatalogue("hostile programs, warm", (config) => new ProcessSandboxExecutor(config), {
  spares: true,
  // Its parent is outside of its pid namespace, so that killing it by its number, 0, is killing its own group.
  expectations: { C08: { verdicts: ["ok", "killed"] } },
});
