/** `orchestrator cluster`: lists workers, queues, runs and what runs where. */
import { formatBytes } from "../../model/units.js";
import { type ClusterView, type ClusterWorker, readCluster } from "../../runner/remote/cluster.js";
import { type ClusterFlags, clusterOptionsOf } from "../cluster-flags.js";
import { type ExitCode, exitCode } from "../exit-code.js";
import { harmless } from "../render/style.js";

export interface ClusterCommandFlags extends ClusterFlags {
  readonly json?: boolean;
}

export async function cluster(flags: ClusterCommandFlags): Promise<ExitCode> {
  const view = await readCluster(clusterOptionsOf(flags));
  console.log(flags.json === true ? JSON.stringify(view, undefined, 2) : render(view).map(harmless).join("\n"));
  return exitCode.succeeded;
}

function render(view: ClusterView): string[] {
  const { workers, queues, runs, counts, redisBytes, unreadable } = view;
  const counted = ["lost", "fenced", "refused"].map((name) => `${counts[name] ?? 0} ${name}`).join(", ");
  return [
    `${workers.length} workers, ${runs.length} runs, Redis holds ${formatBytes(redisBytes)}; so far ${counted}`,
    ...unreadable.map((id) => `worker ${id}: its record is not signed with the key that is set here`),
    "",
    ...table([
      ["WORKER", "HOST", "BUSY", "CPU", "MEMORY", "RESOURCES", "QUEUES", "MODULES"],
      ...workers.map((worker) => [
        worker.id,
        worker.host,
        `${worker.runningCount}/${worker.slots}${worker.draining ? " draining" : ""}`,
        String(worker.cpu),
        formatBytes(worker.memory),
        resourcesOf(worker),
        worker.queues.filter((name) => !name.includes("@")).join(" "),
        worker.modules.join(" ") || "-",
      ]),
    ]),
    "",
    ...table([
      ["QUEUE", "WAITING", "ACTIVE", "WORKERS"],
      ...queues.map(({ name, waiting, active, workers: serving }) => [
        name,
        String(waiting),
        String(active),
        String(serving),
      ]),
    ]),
    ...workers.flatMap(runningOn),
  ];
}

function runningOn({ id, running, runningCount }: ClusterWorker): string[] {
  if (runningCount === 0) return [];
  const named = running.map(({ run, task, attempt }) => `  ${run} ${task} attempt ${attempt}`);
  const more = runningCount - running.length;
  return ["", `on ${id}:`, ...named, ...(more > 0 ? [`  and ${more} more`] : [])];
}

function resourcesOf({ resources }: ClusterWorker): string {
  const named = Object.entries(resources).map(([name, amount]) => `${name}=${amount}`);
  return named.join(" ") || "-";
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}
