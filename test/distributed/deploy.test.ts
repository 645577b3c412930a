/** The files of deploy/ name flags that the command takes, and lists that the engine keeps. */
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { expect, it, onTestFinished } from "vitest";
import { parseAllDocuments } from "yaml";
import { distributed } from "#src/distributed.js";
import { ParallelExecutor, worker } from "#src/parallel.js";
import { present } from "../support/require-component.js";
import { mustRun } from "../support/run-program.js";
import { orchestrator, patience, startCluster, tasks, until } from "./cluster.js";

// biome-ignore lint/suspicious/noExplicitAny: what it is is what the test asks
function documents(name: string): any[] {
  const text = readFileSync(new URL(`../../deploy/${name}`, import.meta.url), "utf8");
  return parseAllDocuments(text).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS();
  });
}

it("workers of the compose and Kubernetes files are started with flags that there are", {
  timeout: patience,
}, async () => {
  const help = await mustRun(["node", orchestrator, "worker", "--help"]);
  const [compose] = documents("compose.yaml");
  const deployment = documents("kubernetes/workers.yaml").find(({ kind }) => kind === "Deployment");
  const [container] = deployment.spec.template.spec.containers;
  const composed: string[] = compose.services.worker.command.split(" ");
  expect(composed.slice(0, 3)).toEqual(container.command);
  const flags = [...composed, ...container.args].filter((part: string) => part.startsWith("--"));
  expect(flags.length).toBeGreaterThan(6);
  for (const flag of flags) expect(help).toContain(`${flag.split("=")[0]} <`);
  // A drained worker needs less than the time after which it is killed.
  const drain = Number(/--drain-timeout=(\d+)s/.exec(container.args.join(" "))![1]);
  expect(deployment.spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(drain);
  const stop = Number(/^(\d+)s$/.exec(compose.services.worker.stop_grace_period)![1]);
  expect(stop).toBeGreaterThan(Number(/--drain-timeout (\d+)s/.exec(compose.services.worker.command)![1]));
  const names = Object.keys(compose.services.worker.environment).concat(
    container.env.map(({ name }: { name: string }) => name),
  );
  expect(names).toEqual(expect.arrayContaining(["ORCHESTRATOR_REDIS", "ORCHESTRATOR_KEY"]));
});

it.runIf(present("redis"))(
  "workers are scaled by lists in which parcels stand, waiting and claimed",
  { timeout: patience },
  async () => {
    const [{ spec }] = documents("kubernetes/autoscaling.yaml");
    const [waiting, claimed] = spec.triggers.map(
      ({ metadata }: { metadata: { listName: string } }) => metadata.listName,
    );
    await using cluster = await startCluster();
    const redis = new Redis(cluster.url);
    onTestFinished(() => redis.disconnect());
    const executor = new ParallelExecutor({ backend: distributed({ connection: cluster.url }) });
    const controller = new AbortController();
    const hold = { note: `${cluster.folder}/held`, until: `${cluster.folder}/never` };
    const run = executor.run([{ id: "t", run: worker(tasks, "hold"), with: hold }], { signal: controller.signal });
    await until(async () => (await redis.llen(waiting)) === 1, "the parcel to wait");
    expect(await redis.llen(claimed)).toBe(0);
    await cluster.worker();
    await until(async () => (await redis.llen(claimed)) === 1, "the parcel to be claimed");
    expect(await redis.llen(waiting)).toBe(0);
    controller.abort();
    await run.results;
    await until(async () => (await redis.llen(claimed)) === 0, "the parcel to be over");
    await executor.close();
  },
);
