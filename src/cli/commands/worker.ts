/** `orchestrator worker`: serves tasks of runs that are coordinated elsewhere, until it is told to end. */
import { parseModuleOption } from "../../runner/remote/modules.js";
import { startWorker } from "../../runner/remote/worker/start-worker.js";
import { type ClusterFlags, clusterOptionsOf } from "../cluster-flags.js";
import { type ExitCode, exitCode } from "../exit-code.js";

export interface WorkerFlags extends ClusterFlags {
  readonly tasks?: readonly string[];
  readonly command?: readonly string[];
  readonly concurrency?: number;
  readonly cpu?: number;
  readonly memory?: string;
  readonly resource?: Readonly<Record<string, number>>;
  readonly id?: string;
  readonly drainTimeout?: string;
}

export async function worker(flags: WorkerFlags): Promise<ExitCode> {
  let lastTrouble = "";
  let serves = false;
  const told = toldToEnd();
  const starting = startWorker({
    ...clusterOptionsOf(flags),
    tasks: (flags.tasks ?? []).map(parseModuleOption),
    commands: flags.command ?? [],
    resources: flags.resource ?? {},
    ...(flags.concurrency === undefined ? undefined : { concurrency: flags.concurrency }),
    ...(flags.cpu === undefined ? undefined : { cpu: flags.cpu }),
    ...(flags.memory === undefined ? undefined : { memory: flags.memory }),
    ...(flags.id === undefined ? undefined : { id: flags.id }),
    ...(flags.drainTimeout === undefined ? undefined : { drainTimeout: flags.drainTimeout }),
    onTrouble({ message }) {
      // A server that is away is told of once, not once for each try.
      const waits = !serves && message.startsWith("cannot reach Redis") ? "; it is tried again until it answers" : "";
      if (message !== lastTrouble) console.error(`worker: ${message}${waits}`);
      lastTrouble = message;
    },
  });
  const begun = starting.catch((error: Error) => {
    // The same was told as a trouble a moment ago.
    if (error.message === lastTrouble) return exitCode.failed;
    throw error;
  });
  // Whoever ends it while it waits for Redis need not wait too.
  const served = await Promise.race([begun, told.then(() => exitCode.succeeded)]);
  if (typeof served === "number") return served;
  serves = true;
  console.log(
    `worker ${served.id} serves ${served.queues.join(", ")} with ${served.modules.join(", ") || "no modules"}`,
  );
  await told;
  console.log(`worker ${served.id} drains, ${served.running} under way`);
  await served.drain();
  return exitCode.succeeded;
}

/** Resolves at the first signal; the second one ends the process. */
function toldToEnd(): Promise<void> {
  return new Promise((resolve) => {
    let told = false;
    const onSignal = (): void => {
      if (told) process.exit(exitCode.interrupted);
      told = true;
      resolve();
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, onSignal);
  });
}
