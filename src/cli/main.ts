#!/usr/bin/env node
/** The command line's entry. It loads the parser of arguments alone; each command loads what it needs when it runs. */
import { exitCode } from "./exit-code.js";
import { makeProgram } from "./program.js";
import { reportError } from "./report-error.js";

// A reader that went away (`orchestrator graph | head`) is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCode.succeeded);
  throw error;
});

try {
  const code = await makeProgram().execute(process.argv.slice(2));
  process.exitCode = code;
} catch (error) {
  process.exitCode = reportError(error);
}
