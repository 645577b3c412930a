/** The commands that speak to a cluster: their arguments and help. */
import { type Command, InvalidArgumentError } from "commander";
import type { ExitCode } from "./exit-code.js";

type Action = (...args: never[]) => Promise<ExitCode>;
type Lazily = (load: () => Promise<Action>) => (...args: unknown[]) => Promise<void>;

export function addClusterCommands(root: Command, lazily: Lazily): void {
  connectionOptions(root.command("worker"))
    .description("Serve tasks of runs that other machines coordinate, until SIGTERM.")
    .option("-t, --tasks <module>", "file, name=file or name@version=file of a module; may be given again", collect)
    .option("--command <program>", 'program that tasks may start, "*" for all; may be given again', collect)
    .option("-c, --concurrency <count>", "attempts at once", positiveInteger)
    .option("--cpu <cores>", "CPU cores that attempts may declare together", positive)
    .option("--memory <size>", "memory that attempts may declare together, such as 8GB")
    .option("-r, --resource <name=amount>", "custom resource, such as gpu=1; may be given again", resource, {})
    .option("--data <store>", "folder, or s3://bucket?endpoint=https://host, of values over 256 KB")
    .option("--id <name>", "name of this worker, unique in the cluster")
    .option("--drain-timeout <duration>", "how long what runs may go on after SIGTERM (30s)")
    .addHelpText(
      "after",
      `
It runs exported functions of the modules that are named here, sandboxed code, and the programs that are named here;
nothing else. ORCHESTRATOR_REDIS and ORCHESTRATOR_KEY stand for --connection and the contents of --key-file.
SIGTERM claims nothing more and finishes what runs, or hands it back when the time is over; a second one ends at once.

Examples:
  $ orchestrator worker --tasks ./dist/tasks.js
  $ orchestrator worker --connection redis://10.0.0.5 --queue default --tasks ./dist/tasks.js --resource gpu=1`,
    )
    .action(lazily(async () => (await import("./commands/worker.js")).worker));
  connectionOptions(root.command("cluster"))
    .description("List workers, queues and what runs where.")
    .option("--json", "print it as JSON")
    .action(lazily(async () => (await import("./commands/cluster.js")).cluster));
}

function connectionOptions(command: Command): Command {
  return command
    .option("--connection <url>", "Redis or Valkey, redis://, rediss:// or redis-sentinel:// (redis://127.0.0.1:6379)")
    .option("--tls-ca <file>", "certificate authority of the server, PEM")
    .option("--tls-cert <file>", "certificate of this client, PEM")
    .option("--tls-key <file>", "key of that certificate, PEM")
    .option("-q, --queue <name>", "queue (default)")
    .option("--prefix <name>", "beginning of every key in Redis (orchestrator)")
    .option("--key-file <file>", "file with the shared key that signs messages")
    .option("--lease <duration>", "time without a sign of life after which a worker is taken for dead (5s)");
}

function collect(text: string, gathered: readonly string[] = []): string[] {
  return [...gathered, text];
}

function resource(text: string, gathered: Readonly<Record<string, number>>): Record<string, number> {
  const [name, amount = "1"] = text.split("=");
  if (name === undefined || name === "" || !(Number(amount) >= 0))
    throw new InvalidArgumentError('It takes name=amount, such as "gpu=1".');
  return { ...gathered, [name]: Number(amount) };
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("It takes a number above 0.");
  return value;
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("It takes a whole number from 1.");
  return value;
}
