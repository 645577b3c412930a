/**
 * Everything dies: a worker every second, the coordinator three times, Redis twice. Every task has succeeded exactly once in
 * the journal in the end. `ORCHESTRATOR_CHAOS_RUNS=20 ORCHESTRATOR_CHAOS_TASKS=5000` is the full proof;
 * `ORCHESTRATOR_CHAOS_SEED` begins with another order in which workers die than that of seed 1.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readSegments } from "#src/journal/segments.js";
import { present } from "../support/require-component.js";
import { type Cluster, linesOf, startCluster, tasks, until, type WorkerProcess } from "./cluster.js";

const runs = Number(process.env.ORCHESTRATOR_CHAOS_RUNS ?? 1);
const count = Number(process.env.ORCHESTRATOR_CHAOS_TASKS ?? 1000);
const firstSeed = Number(process.env.ORCHESTRATOR_CHAOS_SEED ?? 1);
const seconds = Number(process.env.ORCHESTRATOR_CHAOS_SECONDS ?? 600);
const workers = 4;

describe.runIf(present("redis"))("chaos", () => {
  it.each(Array.from({ length: runs }, (_, run) => firstSeed + run))(
    "seed %i: every task has succeeded exactly once in the journal",
    async (seed) => {
      await using cluster = await startCluster();
      const chaos = new Chaos(cluster, seed);
      await chaos.run();
      const succeeded = new Map<number, number>();
      readSegments(join(cluster.folder, "journal", "chaos"), (record) => {
        if (record.type === "attempt-succeeded") succeeded.set(record.task, (succeeded.get(record.task) ?? 0) + 1);
      });
      expect(succeeded.size).toBe(count);
      expect([...succeeded.values()].filter((times) => times !== 1)).toEqual([]);
      expect(chaos.answer).toMatchObject({ succeeded: count, failed: [] });
      console.log(
        `chaos, seed ${seed}: ${count} tasks in ${chaos.seconds.toFixed(0)} s, ${linesOf(chaos.note).length} executions, ` +
          `${chaos.killedWorkers} workers killed; last coordinator: ${JSON.stringify(chaos.answer?.stats)}`,
      );
    },
    seconds * 1000,
  );
});

class Chaos {
  readonly #cluster: Cluster;
  readonly note: string;
  readonly #serving: WorkerProcess[] = [];
  #coordinator: ChildProcess | undefined;
  #printed = "";
  #over = false;
  #random: number;
  answer: { succeeded: number; failed: string[]; stats: object } | undefined;
  killedWorkers = 0;
  seconds = 0;

  constructor(cluster: Cluster, seed: number) {
    this.#cluster = cluster;
    this.note = join(cluster.folder, "executions");
    this.#random = seed;
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: workers }, () => this.#startWorker()));
    const began = performance.now();
    this.#startCoordinator();
    const killing = this.#killWorkers();
    // Each blow falls when so much of the work is done, so that all of them fall.
    const blows = [
      () => this.#killCoordinator(),
      () => this.#restartRedis(),
      () => this.#killCoordinator(),
      () => this.#restartRedis(),
      () => this.#killCoordinator(),
    ];
    for (const [index, blow] of blows.entries()) {
      const share = (count * (index + 1)) / (blows.length + 1);
      await until(() => this.#done() >= share, `${Math.round(share)} of ${count} executions`, seconds);
      await blow();
    }
    await until(() => this.answer !== undefined, "the last coordinator to end", seconds);
    this.seconds = (performance.now() - began) / 1000;
    this.#over = true;
    await killing;
  }

  #done(): number {
    return linesOf(this.note).length;
  }

  async #killWorkers(): Promise<void> {
    while (!this.#over) {
      await delay(1000);
      // Where a machine is so busy that workers take seconds to come up, none would ever serve.
      if (this.#serving.length <= workers / 2) continue;
      const worker = this.#serving[this.#next(this.#serving.length)]!;
      this.#serving.splice(this.#serving.indexOf(worker), 1);
      worker.kill("SIGKILL");
      this.killedWorkers++;
      // The last one may be ended while it comes up, when all is over.
      this.#startWorker().catch(() => {});
    }
  }

  async #startWorker(): Promise<void> {
    const worker = await this.#cluster.worker({ flags: ["--concurrency", "4", "--lease", "2s"] });
    this.#serving.push(worker);
  }

  #startCoordinator(): void {
    const program = fileURLToPath(new URL("./chaos-coordinator.mjs", import.meta.url));
    const journal = join(this.#cluster.folder, "journal");
    const given = { url: this.#cluster.url, count, module: tasks.href, journal, note: this.note };
    const child = spawn(process.execPath, [program, JSON.stringify(given)], { stdio: ["ignore", "pipe", "inherit"] });
    this.#coordinator = child;
    this.#printed = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#printed += text;
      if (this.#printed.endsWith("\n")) this.answer = JSON.parse(this.#printed);
    });
  }

  async #killCoordinator(): Promise<void> {
    const child = this.#coordinator!;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    this.#startCoordinator();
  }

  async #restartRedis(): Promise<void> {
    await this.#cluster.redis.kill();
    await delay(500);
    await this.#cluster.restartRedis();
  }

  /** Numbers below a limit, the same for the same seed (a linear congruential generator). */
  #next(limit: number): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#random % limit;
  }
}
