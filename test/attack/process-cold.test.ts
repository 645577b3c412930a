import { ProcessSandboxExecutor } from "#src/sandbox/sandbox-executor.js";
import { describeCatalogue } from "./catalogue.js";

describeCatalogue("hostile programs, cold", (config) => new ProcessSandboxExecutor({ ...config, warm: false }));
