/** The commands, their arguments and their help. What a command does is in `commands/`, loaded when it is called. */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { sandboxIsolations } from "../model/sandbox.js";
import { addClusterCommands } from "./cluster-commands.js";
import { type ExitCode, exitCode } from "./exit-code.js";
import { addImageCommands } from "./image-commands.js";
import { packageVersion } from "./package-version.js";
import { addRunsCommands } from "./runs-commands.js";
import { viewOption } from "./view-flag.js";

/** A command line that can be run in parts by tests. */
export interface Program {
  readonly command: Command;
  /** Runs one command line; gives the exit code. */
  execute(argv: readonly string[]): Promise<ExitCode>;
}

type Action = (...args: never[]) => Promise<ExitCode>;

export function makeProgram(): Program {
  let code: ExitCode = exitCode.succeeded;
  const root = new Command("orchestrator");
  /** Lets a command's file load when it is called, and keeps the exit code that it gives. */
  const lazily =
    (load: () => Promise<Action>) =>
    async (...args: unknown[]) => {
      const action = await load();
      code = await action(...(args as never[]));
    };

  root
    .description("Runs graphs of tasks: in dependency order, as parallel as the limits allow.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "Show help of a command.")
    .showHelpAfterError("(--help shows what is taken)")
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .exitOverride()
    .addHelpText("after", rootExamples);
  addRun(root, lazily);
  addValidate(root, lazily);
  addGraph(root, lazily);
  addSimulate(root, lazily);
  addExec(root, lazily);
  addMcp(root, lazily);
  addRunsCommands(root, lazily);
  addClusterCommands(root, lazily);
  addImageCommands(root, lazily);
  addReport(root, lazily);
  addUi(root, lazily);
  addDoctor(root, lazily);
  addCompletion(root, lazily);
  for (const command of root.commands) command.exitOverride().showHelpAfterError("(--help shows what is taken)");

  return {
    command: root,
    async execute(argv) {
      code = exitCode.succeeded;
      try {
        await root.parseAsync(argv.length === 0 ? ["--help"] : argv, { from: "user" });
      } catch (error) {
        if (!(error instanceof CommanderError)) throw error;
        return error.exitCode === 0 ? exitCode.succeeded : exitCode.badInput;
      }
      return code;
    },
  };
}

type Lazily = (load: () => Promise<Action>) => (...args: unknown[]) => Promise<void>;

const rootExamples = `
Examples:
  $ orchestrator run pipeline.yaml
  $ orchestrator run pipeline.yaml -i region=north --max-workers 4
  $ orchestrator validate pipeline.yaml
  $ orchestrator graph pipeline.yaml --format mermaid

Exit codes: 0 all succeeded, 1 something failed, 2 bad input, 130 interrupted`;

function addRun(root: Command, lazily: Lazily): void {
  inputOptions(root.command("run"))
    .description("Run a pipeline file.")
    .argument("<file>", "pipeline file, YAML or JSON")
    .option("-w, --max-workers <count>", "worker threads and, separately, processes", wholeNumber)
    .option("-c, --max-concurrent <count>", "tasks that run at once", wholeNumber)
    .addOption(new Option("-m, --mode <mode>", "how tasks run").choices(["parallel", "sequential", "sandboxed"]))
    .option("--fail-fast", "cancel the rest after the first failure")
    .option("--json", "print the result as one JSON document, and nothing else, on standard output")
    .option("-o, --output <file>", "write the same JSON document to a file")
    .option("--task-outputs", "include the output of every task in the JSON document")
    .option("-l, --logs", "print what tasks log and write while they run")
    .option("-q, --quiet", "print failures and outputs alone")
    .addOption(viewOption())
    .option("--trace <file>", "write what happens as a trace, for Perfetto (ui.perfetto.dev) and Chrome")
    .option("-j, --journal <folder>", "keep what is done in a folder, so that the run can be gone on with")
    .option("--run-id <id>", "name of the run; default: one made of the time")
    .option("--resume [id]", "go on with a journalled run; without an id, with the last that is not done")
    .addOption(new Option("--durability <what>", "what the journal outlives").choices(["process-crash", "power-loss"]))
    .option("--ui", "serve a live page for the browser, and print its address")
    .option("--ui-port <port>", "port of the live page; implies --ui", portNumber)
    .option("--ui-keep", "keep the page open after the run, until Ctrl-C; implies --ui")
    .addHelpText(
      "after",
      `
Progress is drawn on a terminal (--view says how) and printed line by line elsewhere. NO_COLOR, FORCE_COLOR and CI are respected.
Ctrl-C lets no more start, stops what runs and prints what was done; a second Ctrl-C kills at once.

Examples:
  $ orchestrator run pipeline.yaml -i input=sales.csv -i limit=100
  $ orchestrator run pipeline.yaml --json > result.json
  $ orchestrator run pipeline.yaml --mode sequential --logs
  $ orchestrator run pipeline.yaml --journal runs
  $ orchestrator run pipeline.yaml --journal runs --resume
  $ orchestrator run pipeline.yaml --ui --ui-keep`,
    )
    .action(lazily(async () => (await import("./commands/run.js")).run));
}

function addReport(root: Command, lazily: Lazily): void {
  root
    .command("report")
    .description("Tell why a journalled run took as long as it did.")
    .argument("<run>", "id of a run, or its folder")
    .option("-j, --journal <folder>", "folder of journals (default: runs)")
    .option("--html <file>", "write one page that needs nothing else")
    .option("--json", "print the analysis as JSON")
    .addHelpText(
      "after",
      `
The run is walked back from its last end to its start: what ran, and what was waited for. The pieces add up to the time that
it took. One more worker is simulated by the real scheduler.

Examples:
  $ orchestrator report 2026-11-24-nightly
  $ orchestrator report runs/2026-11-24-nightly --html report.html`,
    )
    .action(lazily(async () => (await import("./commands/report.js")).report));
}

function addValidate(root: Command, lazily: Lazily): void {
  root
    .command("validate")
    .description("Check pipeline files without running them.")
    .argument("<files...>", "pipeline files, YAML or JSON")
    .option("--json", "print the problems as JSON")
    .addHelpText(
      "after",
      `
Every problem of a file is told at once, with its line, its column and the piece of the file.

Examples:
  $ orchestrator validate pipeline.yaml
  $ orchestrator validate pipelines/*.yaml --json`,
    )
    .action(lazily(async () => (await import("./commands/validate.js")).validate));
}

function addGraph(root: Command, lazily: Lazily): void {
  root
    .command("graph")
    .description("Draw the tasks of a pipeline and what they need.")
    .argument("<file>", "pipeline file, YAML or JSON")
    .addOption(
      new Option("-f, --format <format>", "what to draw for")
        .choices(["terminal", "mermaid", "dot"])
        .default("terminal"),
    )
    .addHelpText(
      "after",
      `
Examples:
  $ orchestrator graph pipeline.yaml
  $ orchestrator graph pipeline.yaml --format mermaid > graph.mmd
  $ orchestrator graph pipeline.yaml --format dot | dot -Tsvg > graph.svg`,
    )
    .action(lazily(async () => (await import("./commands/graph.js")).graph));
}

function addSimulate(root: Command, lazily: Lazily): void {
  root
    .command("simulate")
    .description("Predict how long a run takes, by the real scheduler on a simulated clock.")
    .argument("<file>", "pipeline file, or a recorded workflow in WfFormat 1.5 (WfCommons)")
    .option("-w, --workers <counts>", "worker counts to try, such as 4 or 1,2,4,8", workerCounts)
    .option("-d, --durations <file>", "take durations from the result of an earlier run (run --output)")
    .option("--json", "print the prediction as JSON")
    .addHelpText(
      "after",
      `
A task's duration is its expectedDuration, or what an earlier run recorded, or 1 s where neither is known.
The bound is the larger of the critical path and all work divided by the workers: no schedule can be shorter.

Examples:
  $ orchestrator simulate pipeline.yaml --workers 1,2,4
  $ orchestrator run pipeline.yaml --output last.json && orchestrator simulate pipeline.yaml --durations last.json
  $ orchestrator simulate montage.json --workers 2,8,32`,
    )
    .action(lazily(async () => (await import("./commands/simulate.js")).simulate));
}

function addExec(root: Command, lazily: Lazily): void {
  sandboxOptions(root.command("exec"))
    .description("Run code that nobody trusts in a sandbox.")
    .argument("<file>", "file with the code, or - for standard input")
    .argument("[args...]", "arguments of the code")
    .option("-l, --language <name>", "python, javascript or bash; default: by the file's suffix, python for -")
    .option("-i, --input <json>", "data that the code finds as `inputs`")
    .option("--stdin", "hand standard input to the code")
    .option("--artifacts <folder>", "write files that the code left in its working folder to this one")
    .option("--json", "print the result, with what was used and what held each limit, as JSON")
    .addHelpText(
      "after",
      `
The code has no network, sees nothing of this machine's files, and can import the standard library and the packages
that are allowed. What it prints is printed; if it prints nothing, its \`result\` is.
Exit codes: 0 it ran to its end, 1 it failed or hit a limit, 2 bad input, 130 interrupted.

Examples:
  $ orchestrator exec script.py
  $ orchestrator exec analysis.py --allow pandas --memory 1GB --time 1m
  $ echo 'print(6 * 7)' | orchestrator exec -
  $ orchestrator exec sum.js --input '[1, 2, 3]' --json`,
    )
    .action(lazily(async () => (await import("./commands/exec.js")).exec));
}

function addMcp(root: Command, lazily: Lazily): void {
  sandboxOptions(root.command("mcp"))
    .description("Serve sandboxes to an agent by the Model Context Protocol, over standard input and output.")
    .option("--max-sessions <count>", "sessions at one time", wholeNumber)
    .addHelpText(
      "after",
      `
Configure a client to start it, for example:
  { "mcpServers": { "sandbox": { "command": "npx", "args": ["orchestrator", "mcp", "--allow", "pandas"] } } }`,
    )
    .action(lazily(async () => (await import("./commands/mcp.js")).mcp));
}

function addUi(root: Command, lazily: Lazily): void {
  root
    .command("ui")
    .description("Show journals of earlier runs on the live page, in the browser.")
    .argument("[folder]", "folder of a journal, or of one run in it")
    .option("-p, --port <port>", "port of the page; default: a free one", portNumber)
    .action(lazily(async () => (await import("./commands/ui.js")).ui));
}

function addDoctor(root: Command, lazily: Lazily): void {
  root
    .command("doctor")
    .description("Show what this machine offers and which limits can be enforced on it.")
    .option("--json", "print the findings as JSON")
    .action(lazily(async () => (await import("./commands/doctor.js")).doctor));
}

function addCompletion(root: Command, lazily: Lazily): void {
  root
    .command("completion")
    .description("Print a script that completes commands and options in a shell.")
    .addArgument(root.createArgument("<shell>", "the shell").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      `
Examples:
  $ orchestrator completion bash >> ~/.bashrc
  $ orchestrator completion zsh > "\${fpath[1]}/_orchestrator"
  $ orchestrator completion fish > ~/.config/fish/completions/orchestrator.fish`,
    )
    .action(
      lazily(async () => {
        const { completion } = await import("./commands/completion.js");
        return async (shell: string) => completion(root, shell);
      }),
    );
}

function inputOptions(command: Command): Command {
  return command
    .addOption(
      command
        .createOption("-i, --input <name=value>", "value of an input; may be given again")
        .argParser(collectInput)
        .default({}, "none"),
    )
    .option("--inputs <file>", "values of inputs from a JSON or YAML file; -i wins");
}

function sandboxOptions(command: Command): Command {
  return command
    .option("-a, --allow <package>", "package that the code can import; may be given again", collect)
    .option("--allow-domain <host>", "host, or host:port, that the code can reach; may be given again", collect)
    .option("--memory <size>", "memory of all its processes, such as 512MB")
    .option("--time <duration>", "wall-clock limit of a piece of code, such as 30s")
    .option("--cpu <cores>", "CPU cores, such as 0.5", positiveNumber)
    .addOption(new Option("--runtime <name>", "what carries the sandbox").choices(["auto", "process", "docker", "vm"]))
    .addOption(new Option("--min-isolation <wall>", "the weakest wall that will do").choices([...sandboxIsolations]))
    .option("--image <name>", "image of the docker backend");
}

function collect(text: string, gathered: readonly string[] = []): string[] {
  return [...gathered, text];
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError("It takes a number above 0.");
  return value;
}

/** Gathers `-i name=value` into an object. */
export function collectInput(text: string, gathered: Readonly<Record<string, string>>): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError('It takes name=value, such as "-i region=north".');
  return { ...gathered, [text.slice(0, equals)]: text.slice(equals + 1) };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1 || text.trim() === "")
    throw new InvalidArgumentError("It takes a whole number from 1.");
  return value;
}

function portNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535)
    throw new InvalidArgumentError("It takes a port from 0 (a free one) to 65535.");
  return value;
}

function workerCounts(text: string): number[] {
  return text.split(",").map((part) => wholeNumber(part.trim()));
}
