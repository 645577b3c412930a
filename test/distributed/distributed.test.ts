/** Tasks on other machines: here, in worker processes that share nothing with this one but a Redis server. */
import { copyFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type DistributedOptions, distributed, readCluster, startWorker } from "#src/distributed.js";
import type { RunEvent } from "#src/model/event.js";
import { code, command, OrchestratorError, ParallelExecutor, subprocess, worker } from "#src/parallel.js";
import type { Observer } from "#src/port/observer.js";
import { present } from "../support/require-component.js";
import { mustRun } from "../support/run-program.js";
import { type Cluster, linesOf, orchestrator, patience, startCluster, tasks, tasksFile, until } from "./cluster.js";

describe.runIf(present("redis"))("tasks on workers", { timeout: patience }, () => {
  let cluster: Cluster;
  const events: RunEvent[] = [];
  const executors: ParallelExecutor[] = [];

  const executor = (options: DistributedOptions = {}, more: object = {}): ParallelExecutor => {
    const made = new ParallelExecutor({
      backend: distributed({ connection: cluster.url, ...options }),
      monitor: { observe: (event) => void events.push(event) },
      ...more,
    });
    executors.push(made);
    return made;
  };

  beforeAll(async () => {
    cluster = await startCluster();
    await Promise.all([
      cluster.worker({ id: "plain", flags: ["--concurrency", "4"] }),
      cluster.worker({ id: "with-gpu", flags: ["--resource", "gpu=1", "--command", "echo", "--cpu", "64"] }),
    ]);
  });

  afterAll(() => cluster?.stop());
  afterEach(async () => {
    for (const made of executors.splice(0)) await made.close();
    events.length = 0;
  });

  it("are functions of modules, in threads and processes, and code in sandboxes; functions stay here", async () => {
    const results = await executor().executeTasks([
      { id: "thread", run: worker(tasks, "add"), with: { a: 1, b: 2 } },
      { id: "process", run: subprocess(tasks, "pid") },
      { id: "code", inputs: { sum: "thread" }, run: code("python", "result = inputs['sum'] * 14") },
      { id: "here", inputs: { value: "code" }, run: ({ value }) => [value, process.pid] },
    ]);
    expect(results.get("thread")?.output).toBe(3);
    expect(results.get("process")?.output).not.toBe(process.pid);
    expect(results.get("code")?.output).toBe(42);
    expect(results.get("here")?.output).toEqual([42, process.pid]);
    expect(results.get("thread")?.workerId).toMatch(/^(plain|with-gpu)\/thread-/);
    const ended = events.find((event) => event.type === "attempt-ended" && event.taskId === "thread");
    expect(ended).toMatchObject({ facts: { host: hostname() } });
  });

  it("take and give values of every type", async () => {
    const value = { map: new Map([["a", 1n]]), date: new Date(7), bytes: new Uint8Array([1, 2]), nothing: undefined };
    const results = await executor().executeTasks([{ id: "echo", run: worker(tasks, "echo"), with: { value } }]);
    expect(results.get("echo")?.output).toStrictEqual(value);
  });

  it("tell what they log and how far they are, in order", async () => {
    await executor().executeTasks([{ id: "talk", run: worker(tasks, "talk") }]);
    const told = events.flatMap((event) =>
      event.type === "attempt-log" ? [event.text] : event.type === "attempt-progress" ? [event.value] : [],
    );
    expect(told).toEqual(Array.from({ length: 20 }, (_, step) => [`line ${step}`, step / 20]).flat());
  });

  it("carry the trace context that an observer gives", async () => {
    const headers = { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };
    const tracing: Observer = { observe() {}, trace: () => ({ headers, within: (run) => run() }) };
    const run = executor({}, { monitor: tracing });
    const results = await run.executeTasks([{ id: "traced", run: worker(tasks, "traced") }]);
    expect(results.get("traced")?.output).toEqual(headers);
  });

  it("fail with what they threw", async () => {
    const results = await executor().executeTasks([{ id: "throws", run: worker(tasks, "throwRange") }]);
    const { error } = results.get("throws")!;
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ message: "out of range", cause: { message: "the cause" } });
    expect((error as Error).stack).toContain("tasks.mjs");
  });

  it("are cancelled where they run", async () => {
    const note = join(cluster.folder, "cancelled");
    const controller = new AbortController();
    const run = executor().run(
      [{ id: "held", run: worker(tasks, "hold"), with: { note, until: join(cluster.folder, "never") } }],
      { signal: controller.signal },
    );
    await until(() => linesOf(note).length === 1, "the task to begin");
    controller.abort(new Error("enough"));
    const results = await run.results;
    expect(results.get("held")?.status).toBe("cancelled");
    expect(linesOf(note)).toContain("held aborted");
  });

  it("are stopped at their time limit where they run", async () => {
    const note = join(cluster.folder, "timed-out");
    const results = await executor().executeTasks([
      {
        id: "slow",
        run: worker(tasks, "hold"),
        with: { note, until: join(cluster.folder, "never") },
        timeout: "2s",
      },
    ]);
    expect(results.get("slow")).toMatchObject({ status: "timed-out", reason: { kind: "timeout", scope: "attempt" } });
    expect(linesOf(note)).toContain("slow aborted");
  });

  it("are cancelled before a worker has claimed them", async () => {
    const controller = new AbortController();
    const run = executor({ queue: "nobody" }).run([{ id: "waits", run: worker(tasks, "nothing") }], {
      signal: controller.signal,
    });
    await until(async () => (await readCluster({ connection: cluster.url })).queues.some(isWaiting), "it to be sent");
    controller.abort();
    expect((await run.results).get("waits")?.status).toBe("cancelled");
    expect((await readCluster({ connection: cluster.url })).queues.some(isWaiting)).toBe(false);
  });

  it("go only to workers with the resources that they need", async () => {
    const limits = { resourceLimits: { gpu: 8 } };
    const results = await executor({}, limits).executeTasks(
      Array.from({ length: 10 }, (_, index) => ({
        id: `gpu-${index}`,
        run: worker(tasks, "nothing"),
        resources: { gpu: 1 },
      })),
    );
    expect([...results.values()].map(({ workerId }) => workerId?.split("/")[0])).toEqual(Array(10).fill("with-gpu"));
  });

  it("are handed on by a worker that is too small for them, and fail where every one is", async () => {
    const only = async (cpu: number, options: DistributedOptions = {}) => {
      const results = await executor(options).executeTasks([
        { id: "t", run: worker(tasks, "nothing"), resources: { cpu } },
      ]);
      return results.get("t")!;
    };
    expect(await only(32)).toMatchObject({ status: "succeeded", workerId: expect.stringContaining("with-gpu/") });
    const { error } = await only(1000, { placementTimeout: 1 });
    expect(error).toMatchObject({ code: "NO_WORKER" });
    expect(error?.message).toContain("1000 CPUs of");
  });

  it("are commands only where the worker's owner named the program", async () => {
    const local = { resourceLimits: { gpu: 1 } };
    const results = await executor({}, local).executeTasks([
      { id: "echo", run: command(["echo", "hello"], { output: "text" }), resources: { gpu: 1 } },
      { id: "sh", run: command(["sh", "-c", "id"]) },
    ]);
    expect(results.get("echo")?.output).toBe("hello");
    expect(results.get("sh")?.error).toMatchObject({ code: "MESSAGE_REFUSED" });
  });

  it("open a sandbox to the network only with signed messages", async () => {
    const results = await executor().executeTasks([
      { id: "open", run: code("python", "result = 1"), sandbox: { networkDisabled: false } },
    ]);
    expect(results.get("open")?.error).toMatchObject({ code: "MESSAGE_REFUSED" });
    expect(results.get("open")?.error?.message).toContain("networkDisabled: false");
  });

  it("find the worker that has their module in their version, and say clearly where none has", async () => {
    const old = join(cluster.folder, "old", "versioned.mjs");
    const next = join(cluster.folder, "versioned.mjs");
    const source = new URL("./modules/versioned.mjs", import.meta.url);
    await mustRun(["mkdir", join(cluster.folder, "old")]);
    copyFileSync(source, old);
    writeFileSync(next, 'export function version() { return "two"; }\n');
    const flags = ["--queue", "rolling"];
    await cluster.worker({ id: "rolling-old", tasks: [old], flags });
    await cluster.worker({ id: "rolling-new", tasks: [next], flags });
    const run = (file: string, count: number, options: DistributedOptions = {}) =>
      executor({ queue: "rolling", ...options }).executeTasks(
        Array.from({ length: count }, (_, index) => ({
          id: `t${index}`,
          run: worker(pathToFileURL(file), "version"),
        })),
      );
    for (const [file, version] of [
      [old, "one"],
      [next, "two"],
    ] as const) {
      const results = await run(file, 10);
      expect([...results.values()].map(({ output }) => output)).toEqual(Array(10).fill(version));
    }
    const missing = (await run(tasksFile, 1, { placementTimeout: 1 })).get("t0")!;
    expect(missing.error).toMatchObject({ code: "NO_WORKER" });
    expect(missing.error?.message).toMatch(/does not have the module tasks@\w+; it has: versioned@/);
  });

  it("never stand in Redis beyond the window", async () => {
    const redis = new Redis(cluster.url);
    const window = 20;
    let most = 0;
    let looking = true;
    const look = async (): Promise<void> => {
      while (looking) {
        const keys = await redis.keys("windowed:run:*:parcels");
        for (const key of keys) {
          const indexes = Object.values(await redis.hgetall(key)).map((text) => JSON.parse(text.slice(1)));
          most = Math.max(most, indexes.flatMap(({ attempts }) => attempts).length);
        }
      }
    };
    await cluster.worker({ id: "windowed", flags: ["--prefix", "windowed"] });
    const looked = look();
    const run = executor({ prefix: "windowed", window });
    const list = Array.from({ length: 500 }, (_, index) => ({ id: `t${index}`, run: worker(tasks, "nothing") }));
    const results = await run.executeTasks(list, { journal: join(cluster.folder, "journal") });
    expect([...results.values()].every(({ success }) => success)).toBe(true);
    looking = false;
    await looked;
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(window);
    await run.close();
    expect(await redis.keys("windowed:run:*")).toEqual([]);
    redis.disconnect();
  });

  it("are handed back by a worker that is told to end, or finished within its time", async () => {
    const flags = ["--queue", "drained", "--concurrency", "1", "--drain-timeout", "60s"];
    const first = await cluster.worker({ id: "drained-1", flags });
    const note = join(cluster.folder, "drained");
    const go = join(cluster.folder, "go");
    const running = executor({ queue: "drained" }).executeTasks(
      ["a", "b", "c"].map((id) => ({ id, run: worker(tasks, "hold"), with: { note, until: go } })),
    );
    await until(() => linesOf(note).length === 1, "one to begin");
    first.kill("SIGTERM");
    await until(() => first.printed().includes("drains"), "the worker to drain");
    const second = await cluster.worker({ id: "drained-2", flags });
    await until(() => linesOf(note).length === 2, "another to begin elsewhere");
    writeFileSync(go, "");
    const results = await running;
    expect([...results.values()].map(({ status, attempts }) => [status, attempts])).toEqual(
      Array(3).fill(["succeeded", 1]),
    );
    expect(await first.ended).toBe(0);
    expect(linesOf(note)).toHaveLength(3);
    second.kill();
  });

  it("are handed back by force when the time of a drained worker is over", async () => {
    const flags = ["--queue", "forced", "--concurrency", "1"];
    const first = await cluster.worker({ id: "forced-1", flags: [...flags, "--drain-timeout", "100ms"] });
    const note = join(cluster.folder, "forced");
    const go = join(cluster.folder, "go-forced");
    const running = executor({ queue: "forced" }).executeTasks([
      { id: "a", run: worker(tasks, "hold"), with: { note, until: go } },
    ]);
    await until(() => linesOf(note).length === 1, "it to begin");
    first.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    await cluster.worker({ id: "forced-2", flags });
    await until(() => linesOf(note).length >= 3, "it to begin elsewhere");
    writeFileSync(go, "");
    expect((await running).get("a")).toMatchObject({ status: "succeeded", attempts: 1 });
  });

  it("are listed by `orchestrator cluster`", async () => {
    const note = join(cluster.folder, "listed");
    const go = join(cluster.folder, "go-listed");
    const running = executor().run([{ id: "shown", run: worker(tasks, "hold"), with: { note, until: go } }], {
      runId: "listed-run",
    });
    await until(() => linesOf(note).length === 1, "the task to begin");
    const list = () => mustRun(["node", orchestrator, "cluster", "--connection", cluster.url]);
    await until(async () => (await list()).includes("listed-run shown attempt 1"), "the task to be listed");
    const printed = await list();
    expect(printed).toMatch(/^\d workers, \d runs, Redis holds /);
    expect(printed).toMatch(/with-gpu +\S+ +\d\/\d .*gpu=1/);
    expect(printed).toMatch(/^default +\d+ +\d+ +2$/m);
    writeFileSync(go, "");
    await running.results;
  });

  it("of runs that nobody will go on with are answered in one place, of which nothing is left", async () => {
    const redis = new Redis(cluster.url);
    const keys = async () => (await redis.keys("*")).filter((key) => /:(coordinator|run):/.test(key));
    const before = new Set(await keys());
    const executor = new ParallelExecutor({ backend: distributed({ connection: cluster.url }) });
    const one = async (): Promise<unknown> =>
      (await executor.executeTasks([{ id: "add", run: worker(tasks, "add"), with: { a: 1, b: 2 } }])).get("add")
        ?.output;
    expect([await one(), ...(await Promise.all([one(), one(), one()])), await one()]).toEqual([3, 3, 3, 3, 3]);
    const made = (await keys()).filter((key) => !before.has(key));
    expect(made).toEqual([expect.stringMatching(/^orchestrator:coordinator:[\w-]+:answers$/)]);
    await executor.close();
    expect(await redis.exists(made[0]!)).toBe(0);
    redis.disconnect();
  });

  it("are served by a worker that whoever looks at the cluster sees from when it is ready until it ends", async () => {
    const seen = async () => (await readCluster({ connection: cluster.url })).workers.map(({ id }) => id);
    for (let round = 0; round < 5; round++) {
      const id = `seen-${round}`;
      const own = await startWorker({ connection: cluster.url, queue: "seen", id });
      expect(await seen()).toContain(id);
      await own.close();
      expect(await seen()).not.toContain(id);
    }
  });

  it("of several coordinators share workers and queues, and each gets its own results", async () => {
    const runs = ["first", "second", "third"].map((name) =>
      executor().executeTasks(
        Array.from({ length: 50 }, (_, index) => ({
          id: `t${index}`,
          run: worker(tasks, "echo"),
          with: { value: `${name} ${index}` },
        })),
        { runId: `shared-${name}` },
      ),
    );
    const [first, second, third] = await Promise.all(runs);
    expect(first!.get("t7")?.output).toBe("first 7");
    expect(second!.get("t7")?.output).toBe("second 7");
    expect([...third!.values()].map(({ output }) => output)).toEqual(
      Array.from({ length: 50 }, (_, index) => `third ${index}`),
    );
  });

  it("are refused with a clear error where a value is too large and there is no store", async () => {
    const results = await executor().executeTasks([
      { id: "output", run: worker(tasks, "large"), with: { bytes: 300_000 } },
      { id: "input", run: worker(tasks, "lengthOf"), with: { value: "x".repeat(300_000) } },
    ]);
    expect(results.get("output")?.error).toMatchObject({ code: "OUTPUT_LIMIT" });
    expect(results.get("input")?.error).toMatchObject({ code: "NOT_SERIALISABLE" });
    expect(results.get("input")?.error).toBeInstanceOf(OrchestratorError);
  });
});

function isWaiting({ name, waiting }: { name: string; waiting: number }): boolean {
  return name === "nobody" && waiting > 0;
}
