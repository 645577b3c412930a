/** Large values: through a store, by reference, fetched once by a machine. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DataOptions, DataStore, distributed, isDataReference, readCluster } from "#src/distributed.js";
import { ParallelExecutor, worker } from "#src/parallel.js";
import { present } from "../support/require-component.js";
import { type Cluster, patience, startCluster, tasks, until } from "./cluster.js";
import { type S3Server, startS3 } from "./s3-server.js";

const megabyte = 1_000_000;

describe.runIf(present("redis"))("large values", { timeout: patience }, () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster?.stop());

  it("go from task to task by reference, and move at most once to each worker", async () => {
    const shared = join(cluster.folder, "shared");
    mkdirSync(shared);
    for (const id of ["large-1", "large-2"]) {
      // A temporary folder of its own for each, as on machines of their own.
      const temporary = join(cluster.folder, id);
      mkdirSync(temporary);
      await cluster.worker({ id, flags: ["--data", shared, "--concurrency", "2"], env: { TMPDIR: temporary } });
    }
    const data: DataOptions = { kind: "file", folder: shared, cacheFolder: join(cluster.folder, "own") };
    await using executor = new ParallelExecutor({ backend: distributed({ connection: cluster.url, data }) });
    const users = Array.from({ length: 20 }, (_, index) => ({
      id: `use-${index}`,
      inputs: { value: "make" },
      run: worker(tasks, "lengthOf"),
    }));
    const results = await executor.executeTasks([
      { id: "make", run: worker(tasks, "large"), with: { bytes: 100 * megabyte } },
      ...users,
    ]);
    expect(users.map(({ id }) => results.get(id)?.output)).toEqual(Array(20).fill(100 * megabyte));
    const reference = results.get("make")!.output;
    if (!isDataReference(reference)) throw new Error("the output is no reference");
    const { workers } = await untilDescribed(cluster.url, 21);
    const moved = workers.map(({ counts }) => counts.movedValues!);
    // What made the value has it already; the other one fetched it once, for however many of its tasks.
    expect([
      [0, 0],
      [0, 1],
    ]).toContainEqual(moved.sort());
    const value = (await new DataStore(data).load(reference)) as Uint8Array;
    expect([value.length, value[0]]).toEqual([100 * megabyte, 7]);
  });

  it("of this process are stored once, however many tasks take them", async () => {
    const folder = join(cluster.folder, "inputs");
    await cluster.worker({ id: "inputs", flags: ["--queue", "inputs", "--data", folder] });
    const data: DataOptions = { kind: "file", folder, cacheFolder: join(cluster.folder, "own-inputs") };
    const backend = distributed({ connection: cluster.url, queue: "inputs", data });
    await using executor = new ParallelExecutor({ backend });
    const value = new Uint8Array(megabyte).fill(1);
    const results = await executor.executeTasks(
      Array.from({ length: 5 }, (_, index) => ({ id: `t${index}`, run: worker(tasks, "lengthOf"), with: { value } })),
    );
    expect([...results.values()].map(({ output }) => output)).toEqual(Array(5).fill(megabyte));
  });
});

describe.runIf(present("redis"))("large values through S3", { timeout: patience }, () => {
  it("go from task to task, by workers that are told of the bucket on their command line", async () => {
    await using cluster = await startCluster();
    const server = await startS3();
    const temporary = join(cluster.folder, "s3-worker");
    mkdirSync(temporary);
    const env = { AWS_ACCESS_KEY_ID: server.accessKeyId, AWS_SECRET_ACCESS_KEY: server.secretAccessKey };
    const store = `s3://values?endpoint=${server.url}`;
    await cluster.worker({ id: "s3", flags: ["--data", store], env: { ...env, TMPDIR: temporary } });
    const { url: endpoint, accessKeyId, secretAccessKey } = server;
    const cacheFolder = join(cluster.folder, "own");
    const data: DataOptions = { kind: "s3", endpoint, bucket: "values", accessKeyId, secretAccessKey, cacheFolder };
    await using executor = new ParallelExecutor({ backend: distributed({ connection: cluster.url, data }) });
    const results = await executor.executeTasks([
      { id: "make", run: worker(tasks, "large"), with: { bytes: megabyte } },
      { id: "use", inputs: { value: "make" }, run: worker(tasks, "lengthOf") },
      { id: "given", run: worker(tasks, "lengthOf"), with: { value: "x".repeat(megabyte) } },
    ]);
    expect(results.get("use")?.output).toBe(megabyte);
    expect(results.get("given")?.output).toBe(megabyte);
    const reference = results.get("make")!.output;
    if (!isDataReference(reference)) throw new Error("the output is no reference");
    expect(((await new DataStore(data).load(reference)) as Uint8Array).length).toBe(megabyte);
    await server.stop();
  });
});

describe("an S3 store", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3();
  });
  afterAll(() => server?.stop());

  const options = (more: Partial<DataOptions> = {}): DataOptions =>
    ({
      kind: "s3",
      endpoint: server.url,
      bucket: "values",
      accessKeyId: server.accessKeyId,
      secretAccessKey: server.secretAccessKey,
      cacheFolder: join(server.folder, `copies-${Math.random()}`),
      ...more,
    }) as DataOptions;

  it("takes a value once and gives it to another machine", async () => {
    const bytes = Buffer.concat([Buffer.from("j"), Buffer.from(JSON.stringify({ text: "x".repeat(megabyte) }))]);
    const first = new DataStore(options());
    const reference = await first.put(bytes);
    await first.put(bytes);
    const other = new DataStore(options());
    expect(await other.load(reference)).toEqual({ text: "x".repeat(megabyte) });
    await other.load(reference);
    expect(other.moved).toEqual({ values: 1, bytes: bytes.length });
    expect(first.moved.values).toBe(0);
  });

  it("refuses one who does not know its secret", async () => {
    const store = new DataStore(options({ secretAccessKey: "wrong" }));
    await expect(store.put(Buffer.from("j1"))).rejects.toThrow(/403/);
  });

  it("is not believed where it gives other bytes than were stored", async () => {
    const reference = await new DataStore(options()).put(Buffer.from("j42"));
    const other = { ...reference, sha256: reference.sha256.replace(/^./, (digit) => (digit === "0" ? "1" : "0")) };
    server.copy(`orchestrator/${reference.sha256}`, `orchestrator/${other.sha256}`);
    await expect(new DataStore(options()).load(other)).rejects.toThrow(/has other bytes/);
  });
});

/** Workers say what they have done twice a second. */
async function untilDescribed(connection: string, tasksRun: number): ReturnType<typeof readCluster> {
  let view = await readCluster({ connection });
  await until(async () => {
    view = await readCluster({ connection });
    return view.workers.reduce((sum, { counts }) => sum + counts.succeeded!, 0) === tasksRun;
  }, "the workers to say what they did");
  return view;
}
