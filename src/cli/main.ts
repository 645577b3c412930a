#!/usr/bin/env node
/** The command line's entry. It loads the parser of arguments alone; each command loads what it needs when it runs. */
import { type ExitCode, exitCode } from "./exit-code.js";
import { makeProgram } from "./program.js";
import { reportError } from "./report-error.js";

// A reader that went away (`orchestrator graph | head`) is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCode.succeeded);
  throw error;
});

let code: ExitCode;
try {
  code = await makeProgram().execute(process.argv.slice(2));
} catch (error) {
  code = reportError(error);
}
// A task that did not stop, or a timer that it left, must not keep this process alive when all has been told.
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write("", resolve))),
);
process.exit(code);
