/** The commands over journalled runs: their arguments and help. */
import { type Command, InvalidArgumentError } from "commander";
import type { ExitCode } from "./exit-code.js";
import { viewOption } from "./view-flag.js";

type Action = (...args: never[]) => Promise<ExitCode>;
type Lazily = (load: () => Promise<Action>) => (...args: unknown[]) => Promise<void>;

export function addRunsCommands(root: Command, lazily: Lazily): void {
  const runs = root.command("runs").description("List, show, resume and clear away runs that were journalled.");
  const command = (name: string): Command =>
    runs
      .command(name)
      .exitOverride()
      .showHelpAfterError("(--help shows what is taken)")
      .option("-j, --journal <folder>", "folder of the journals (runs)")
      .option("--json", "print it as JSON");
  command("list")
    .description("List the runs, the last one first.")
    .action(lazily(async () => (await import("./commands/runs.js")).list));
  command("show")
    .description("Show what a run did: its tasks, how they ended and what failed.")
    .argument("<id>", "id of the run")
    .option("--task-outputs", "include the output of every task in the JSON document")
    .action(lazily(async () => (await import("./commands/runs.js")).show));
  command("resume")
    .description("Go on with a run of a pipeline. What succeeded is not run again.")
    .argument("<id>", "id of the run")
    .option("--original", "go on with the pipeline file as it was, where it has changed")
    .option("-o, --output <file>", "write the JSON document to a file")
    .option("--task-outputs", "include the output of every task in the JSON document")
    .option("-l, --logs", "print what tasks log and write while they run")
    .option("-q, --quiet", "print failures and outputs alone")
    .addOption(viewOption())
    .addHelpText(
      "after",
      `
The file, the inputs and the limits are those of the run. If the file has changed, the run goes on with it as it is now:
tasks that changed, and all that hangs on them, run again.

Examples:
  $ orchestrator runs list
  $ orchestrator runs resume 20261124-164501-3f9a`,
    )
    .action(lazily(async () => (await import("./commands/resume.js")).resume));
  command("prune")
    .description("Clear away runs. Tells what would go; --yes does it.")
    .option("--older-than <duration>", "runs whose last sign of life is older, such as 30d")
    .option("--keep <count>", "keep so many of the last runs, whatever their age", count)
    .option("--succeeded", "only runs that succeeded: the others can be gone on with")
    .option("--yes", "clear them away")
    .addHelpText(
      "after",
      `
Examples:
  $ orchestrator runs prune --older-than 30d --keep 10
  $ orchestrator runs prune --older-than 30d --keep 10 --yes`,
    )
    .action(lazily(async () => (await import("./commands/runs.js")).prune));
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || text.trim() === "")
    throw new InvalidArgumentError("It takes a whole number from 0.");
  return value;
}
