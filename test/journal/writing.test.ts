/** What a run does with its journal: order, locks, and what happens when it cannot be written. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ParallelExecutor, type RunOptions, readJournal, type Task } from "#src/index.js";

const program = fileURLToPath(new URL("./fixtures/journalled-run.mjs", import.meta.url));
let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "writing-"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

function start(scenario: string, options: { readonly env?: Record<string, string>; readonly blocks?: number } = {}) {
  const argv = [process.execPath, program, scenario, folder];
  const [file, ...args] =
    options.blocks === undefined ? argv : ["/bin/sh", "-c", `ulimit -f ${options.blocks}; exec "$@"`, "sh", ...argv];
  const child = spawn(file!, args, { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, ...options.env } });
  children.push(child);
  return { child, lines: createInterface({ input: child.stdout! })[Symbol.asyncIterator]() };
}

const here = { journal: "", runId: "r" } satisfies RunOptions;
async function execute(tasks: readonly Task[], options: RunOptions = {}) {
  const executor = new ParallelExecutor();
  try {
    return await executor.executeTasks(tasks, { ...here, journal: folder, ...options });
  } finally {
    await executor.close();
  }
}

describe("what a task starts on the ground of is in the journal", () => {
  const endedBefore = (): Record<string, string> =>
    Object.fromEntries(Array.from(readJournal(join(folder, "r")).results(), ([id, { status }]) => [id, status]));

  test.each(["process-crash", "power-loss"] as const)("%s", async (durability) => {
    const seen: Record<string, Record<string, string>> = {};
    const look = (id: string, options: Partial<Task> = {}): Task => ({
      id,
      run: () => {
        seen[id] = endedBefore();
      },
      ...options,
    });
    await execute(
      [
        look("a"),
        look("b", { dependsOn: ["a"], run: async () => Promise.reject(new Error("no")) }),
        look("c", { dependsOn: ["a"], when: () => false }),
        { id: "large", run: () => Buffer.alloc(300_000) },
        look("after", { dependsOn: ["a", "large"] }),
        look("alarm", { dependsOn: ["b"], trigger: "any-failed" }),
        look("clean", { dependsOn: ["c", "after"], trigger: "all-done" }),
      ],
      { durability },
    );
    expect(seen.after).toMatchObject({ a: "succeeded", large: "succeeded" });
    // The attempt's failure is there; that it was the last one, a reader is told with the next write.
    expect(seen.alarm).toMatchObject({ a: "succeeded" });
    expect(seen.clean).toMatchObject({ c: "skipped", after: "succeeded" });
  });

  test("a file of an output is named by its contents, and the same output is written once", async () => {
    const { readdirSync } = await import("node:fs");
    await execute(Array.from({ length: 5 }, (_, n) => ({ id: `t${n}`, run: () => "y".repeat(100_000 + (n % 2)) })));
    const files = readdirSync(join(folder, "r", "outputs"));
    expect(files).toHaveLength(2);
    expect(files.every((name) => /^[0-9a-f]{64}$/.test(name))).toBe(true);
    writeFileSync(join(folder, "r", "outputs", files[0]!), "z".repeat(100));
    const damaged = { code: "JOURNAL_DAMAGED", message: expect.stringContaining(files[0]!) };
    await expect(execute([{ id: "t0", run: () => 1 }], { resume: true })).resolves.toBeDefined();
    expect(() => Array.from(readJournal(join(folder, "r")).results().values(), ({ output }) => output)).not.toThrow();
    const same = Array.from({ length: 5 }, (_, n) => ({ id: `u${n}`, run: () => "y".repeat(100_000 + (n % 2)) }));
    await execute(same, { runId: "s" });
    const stored = readdirSync(join(folder, "s", "outputs"));
    writeFileSync(join(folder, "s", "outputs", stored[0]!), "z".repeat(100));
    await expect(execute(same, { runId: "s", resume: true })).rejects.toMatchObject({
      ...damaged,
      message: expect.stringContaining(stored[0]!),
    });
  });
});

test("a segment that has grown large is followed by another, and both are read", async () => {
  const tasks = Array.from(
    { length: 1300 },
    (_, n): Task => ({ id: `t${n}`, run: () => Buffer.alloc(60_000, n % 256) }),
  );
  await execute(tasks);
  const { readdirSync } = await import("node:fs");
  expect(readdirSync(join(folder, "r")).filter((name) => name.endsWith(".journal"))).toEqual([
    "000001.journal",
    "000002.journal",
  ]);
  const results = await execute(
    tasks.map(({ id }) => ({ id, run: tasks[0]!.run })),
    { resume: true },
  );
  expect([...results.values()].every(({ attempts }) => attempts === 1)).toBe(true);
  expect(results.get("t1299")!.output).toEqual(Buffer.alloc(60_000, 1299 % 256));
});

describe("one run id has one writer", () => {
  test("another process is told who has it; a dead one's lock is taken over", async () => {
    const { child, lines } = start("hang");
    expect((await lines.next()).value).toBe("ready");
    const told = expect.stringMatching(
      new RegExp(`run "r" is being written by process ${child.pid} on ${hostname()} since \\d{4}-.*: wait for its end`),
    );
    await expect(execute([], { resume: true })).rejects.toMatchObject({ code: "JOURNAL_LOCKED", message: told });
    expect(readJournal(join(folder, "r"))).toMatchObject({ status: "running", holder: { pid: child.pid } });
    child.kill("SIGKILL");
    await once(child, "close");
    expect(readJournal(join(folder, "r")).status).toBe("interrupted");
    await execute([{ id: "done", run: () => 1 }], { resume: true });
    expect(readJournal(join(folder, "r")).status).toBe("succeeded");
  });

  test("the same process is told that it is itself", async () => {
    const executor = new ParallelExecutor();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const run = executor.run([{ id: "a", run: () => held }], { ...here, journal: folder });
    await run.resumed;
    await expect(execute([], { resume: true })).rejects.toMatchObject({
      message: expect.stringContaining("this process"),
    });
    release();
    await run.results;
    await execute([], { resume: true });
    await executor.close();
  });

  test("of many that take over at once from a dead one, one gets it", async () => {
    mkdirSync(folder, { recursive: true });
    const dead = start("lock");
    expect(JSON.parse((await dead.lines.next()).value as string)).toMatchObject({ got: true });
    dead.child.kill("SIGKILL");
    await once(dead.child, "close");
    const many = Array.from({ length: 6 }, () => start("lock"));
    const answers = await Promise.all(many.map(async ({ lines }) => JSON.parse((await lines.next()).value as string)));
    expect(answers.filter(({ got }) => got)).toHaveLength(1);
    expect(answers.filter(({ code }) => code === "JOURNAL_LOCKED")).toHaveLength(5);
  });
});

test("after a kill: what ran is a new attempt and not charged, and a delay before a retry is waited for", async () => {
  const first = start("hang");
  expect((await first.lines.next()).value).toBe("ready");
  first.child.kill("SIGKILL");
  await once(first.child, "close");
  const before = readJournal(join(folder, "r")).events();
  const failedAt = before.find(({ type, taskId }) => type === "attempt-ended" && taskId === "fails")!.at;
  const second = start("hang", { env: { RESUMED: "1" } });
  const told = JSON.parse((await second.lines.next()).value as string);
  expect(told.results).toEqual([
    { taskId: "done", status: "succeeded", output: "done", attempts: 1 },
    { taskId: "hangs", status: "succeeded", output: "went on", attempts: 3 },
    { taskId: "fails", status: "succeeded", output: 2, attempts: 2 },
  ]);
  const retried = told.events.find((event: { taskId: string }) => event.taskId === "fails");
  expect(retried.attempt).toBe(2);
  expect(retried.at).toBeGreaterThanOrEqual(failedAt + 2000);

  const events = readJournal(join(folder, "r")).events();
  const story = events.map(({ type, taskId, ...rest }) =>
    `${type} ${taskId ?? ""} ${"outcome" in rest ? rest.outcome : ""}`.trim(),
  );
  expect(story.filter((line) => line.includes("hangs"))).toEqual([
    "task-ready hangs",
    "attempt-started hangs",
    "attempt-ended hangs lost",
    "task-ready hangs",
    "attempt-started hangs",
    "attempt-ended hangs failed",
    "task-ready hangs",
    "attempt-started hangs",
    "attempt-ended hangs succeeded",
    "task-ended hangs",
  ]);
  expect(story[0]).toBe("run-started");
  expect(story).toContain("run-resumed");
  expect(story.at(-1)).toBe("run-ended");
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, place) => place));
});

test("a journal that cannot be written stops the run: what was done is told, nothing more starts, what runs is aborted", async () => {
  const { lines } = start("full", { blocks: 64 });
  const told = JSON.parse((await lines.next()).value as string);
  expect(told.journalError).toBe("JOURNAL_UNWRITABLE");
  expect(told.message).toContain("the journal cannot be written: ");
  const { results } = told as { results: { taskId: string; status: string; code?: string }[] };
  const succeeded = results.filter(({ status }) => status === "succeeded");
  const stopped = results.filter(({ status }) => status === "cancelled");
  expect(succeeded.length).toBeGreaterThan(10);
  expect(succeeded.length + stopped.length).toBe(501);
  expect(stopped.every(({ code }) => code === "JOURNAL_UNWRITABLE")).toBe(true);
  expect(stopped.map(({ taskId }) => taskId)).toContain("hangs");
  const starts = told.events.filter(({ type }: { type: string }) => type === "attempt-started");
  // Each that started succeeded, but the one that was aborted.
  expect(starts).toHaveLength(succeeded.length + 1);
  // Of what was done, the last end alone may be missing in the journal; the rest is gone on with.
  const kept = [...readJournal(join(folder, "r")).results().values()].filter(({ success }) => success);
  expect(kept.length).toBe(succeeded.length - 1);
});

test.each<[string, RunOptions, string]>([
  ["resume without a run id", { journal: "j", resume: true }, "run.resume: needs the runId of the run to go on with"],
  ["resume without a journal", { runId: "r", resume: true }, "run.resume: needs a journal to resume from"],
  [
    "durability without a journal",
    { durability: "power-loss" },
    "run.durability: is that of a journal, and none is given",
  ],
  ["an unknown durability", { journal: "j", durability: "hope" as never }, '"process-crash", "power-loss"'],
  ["a folder that is none", { journal: { folder: "" } }, "run.journal.folder: takes the path of a folder"],
  [
    "an unknown option",
    { journal: { foldr: "x" } as never },
    'run.journal.foldr: unknown option; did you mean "folder"?',
  ],
  ["a run id that leaves the folder", { journal: "j", runId: ".." }, "run.runId"],
])("%s is refused before anything starts", (_, options, message) => {
  const executor = new ParallelExecutor();
  expect(() => executor.run([], options)).toThrow(message);
});

test("what cannot be found again with the run is refused before anything starts", async () => {
  const about = { tools: [{ close: () => undefined }] };
  await expect(execute([], { journal: { folder, about } })).rejects.toMatchObject({
    code: "INVALID_OPTION",
    message: expect.stringContaining("run.journal.about: about.tools[0].close is the function close"),
  });
  await execute([{ id: "a", run: () => 1 }]);
});

test("an error keeps what a journal can keep of it", async () => {
  let deep: unknown = 1;
  for (let level = 0; level < 3000; level++) deep = [deep];
  const thrown = Object.assign(new RangeError("no"), { deep, place: { row: [7] } });
  await execute([{ id: "a", run: () => Promise.reject(thrown) }]);
  const { error } = readJournal(join(folder, "r")).results().get("a")!;
  expect(error).toMatchObject({ message: "no", place: { row: [7] } });
  expect(error).not.toHaveProperty("deep");
});

test("a folder that cannot be made is told, and nothing has started", async () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  let ran = false;
  const run = (): void => {
    ran = true;
  };
  const tasks = [{ id: "a", run }];
  await expect(execute(tasks, { journal: file })).rejects.toMatchObject({ code: "JOURNAL_UNWRITABLE" });
  expect(ran).toBe(false);
  expect(readFileSync(file, "utf8")).toBe("");
});
