import { ProcessSandboxExecutor } from "#src/sandbox/sandbox-executor.js";
import { describeCatalogue } from "./catalogue.js";

describeCatalogue("hostile programs, warm", (config) => new ProcessSandboxExecutor(config), { spares: true });
