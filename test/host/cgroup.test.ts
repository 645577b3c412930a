import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, describe, expect, it } from "vitest";
import { createCgroup, detectCgroups, enterCgroup, sweepCgroups } from "#src/host/cgroup/index.js";
import { readProcessStat } from "#src/host/process-identity.js";
import { eventually, ownCgroups } from "../runner/outside.js";
import { present } from "../support/require-component.js";

const support = detectCgroups();
const held = present("cgroups");

/** Runs a program inside of a group; resolves at its end. */
async function runIn(group: ReturnType<typeof createCgroup>, argv: readonly string[]) {
  const [program, ...rest] = enterCgroup(group, argv);
  const child = spawn(program!, rest, { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  const [exitCode, signal] = (await once(child, "close")) as [number | null, string | null];
  return { exitCode, signal, stdout };
}

afterAll(() => {
  expect(ownCgroups()).toEqual([]);
});

it("tells why a controller is not usable and what to do", () => {
  for (const controller of ["memory", "cpu", "pids"] as const) {
    const { usable, by, reason, remedy } = support[controller];
    if (usable) expect(by).toMatch(/^cgroup-v[12]$/);
    else expect([reason, remedy].every((text) => typeof text === "string" && text.length > 10)).toBe(true);
  }
});

it.runIf(process.getuid?.() === 0)("reports all as unusable to a user who may not make groups", () => {
  const script = `
    import { detectCgroups } from ${JSON.stringify(new URL("../../dist/host/cgroup/index.js", import.meta.url).href)};
    process.stdout.write(JSON.stringify(detectCgroups()));`;
  const drop = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"];
  const child = spawnSync("setpriv", [...drop, process.execPath, "--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  expect(child.stderr).toBe("");
  const seen = JSON.parse(child.stdout) as typeof support;
  expect(seen).toMatchObject({ version: "none", kill: "none", memory: { usable: false } });
  expect(seen.memory.reason).toMatch(/EACCES|EROFS|permission/);
  expect(seen.memory.remedy).toContain("systemd-run");
});

// Each limit is proved by going over it.
describe.runIf(held)("a group", () => {
  it("holds memory: the kernel kills what goes over", async () => {
    const group = createCgroup({ name: "memory test", memoryBytes: 40e6 });
    const { exitCode } = await runIn(group, ["sh", "-c", "head -c 100m /dev/zero | tail -c 100m >/dev/null; exit $?"]);
    expect(exitCode).not.toBe(0);
    expect(group.oomKills()).toBeGreaterThan(0);
    const { peakBytes } = group.usage();
    expect(peakBytes).toBeGreaterThan(30e6);
    expect(peakBytes).toBeLessThanOrEqual(40e6);
    if (group.resetPeak()) expect(group.usage().peakBytes).toBeLessThan(peakBytes!);
    await group.destroy();
  });

  it("leaves memory below the limit alone, and takes new limits in both directions", async () => {
    const group = createCgroup({ name: "resized", memoryBytes: 200e6 });
    group.setLimits({ memoryBytes: 60e6 });
    const hog = ["sh", "-c", "head -c 100m /dev/zero | tail -c 100m >/dev/null"];
    expect((await runIn(group, hog)).exitCode).not.toBe(0);
    group.setLimits({ memoryBytes: 300e6 });
    expect((await runIn(group, hog)).exitCode).toBe(0);
    expect(group.oomKills()).toBe(1);
    await group.destroy();
  });

  it("counts its processes until the last is reaped, and can be removed with one in it", async () => {
    const group = createCgroup({ name: "count", pids: 9 });
    expect(group.processes()).toBe(0);
    const [program, ...rest] = enterCgroup(group, ["sh", "-c", "sleep 60 & sleep 60"]);
    const child = spawn(program!, rest, { stdio: "ignore" });
    await eventually(() => group.processes() === 3, "three processes are counted");
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    expect(group.processes()).toBe(2);
    await group.destroy();
    expect(group.processes()).toBeUndefined();
    expect(ownCgroups()).toEqual([]);
  });

  it("holds the number of processes", async () => {
    const group = createCgroup({ name: "pids", pids: 3 });
    await runIn(group, ["sh", "-c", "for i in 1 2 3 4 5 6; do sleep 0.2 & done; wait"]);
    expect(group.pidsLimitHits()).toBeGreaterThan(0);
    await group.destroy();
  });

  it("holds CPU to the quota", async () => {
    const group = createCgroup({ name: "cpu", cpuQuotaMicroseconds: 20_000 });
    const startedAt = performance.now();
    await runIn(group, ["sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]);
    const seconds = (performance.now() - startedAt) / 1000;
    const { cpuSeconds } = group.usage();
    expect(cpuSeconds).toBeGreaterThan(0.02);
    // 20 % of one CPU, and what one period may overdraw: the busier the machine, the smaller the share.
    expect(cpuSeconds! / seconds).toBeLessThan(0.4);
    await group.destroy();
  });

  it("kills its whole tree at once, under the tightest quota, sessions of their own included", async () => {
    const group = createCgroup({ name: "tree", cpuQuotaMicroseconds: 1000, pids: 50 });
    const script = "for i in 1 2 3; do setsid sh -c 'while :; do :; done' & done; while :; do :; done";
    const [program, ...rest] = enterCgroup(group, ["sh", "-c", script]);
    const child = spawn(program!, rest, { stdio: "ignore" });
    await eventually(() => group.pids().length >= 4, "four processes run", 30_000);
    const pids = group.pids();
    group.kill();
    // Under its quota it would take seconds to die.
    const quotas = group.procsFiles.flatMap((file) =>
      ["cpu.cfs_quota_us", "cpu.max"].map((knob) => join(file, "..", knob)),
    );
    const quota = quotas.filter((path) => existsSync(path)).map((path) => readFileSync(path, "utf8"));
    expect(quota).toEqual([expect.stringMatching(/^(-1|max 100000)\n$/)]);
    await once(child, "exit");
    await eventually(() => group.pids().length === 0, "nobody is left");
    for (const pid of pids) expect(["Z", undefined]).toContain(readProcessStat(pid)?.state);
    await group.destroy();
  });

  it("takes a running process, and is removed with those in it", async () => {
    const group = createCgroup({ name: "added" });
    const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    const exited = once(child, "exit");
    const other = spawn("sleep", ["1000"], { stdio: "ignore" });
    const otherExited = once(other, "exit");
    group.add(child.pid!);
    await group.addMeanwhile(other.pid!);
    expect(group.pids().toSorted((a, b) => a - b)).toEqual([child.pid, other.pid].toSorted((a, b) => a! - b!));
    await expect(group.addMeanwhile(4_000_000_000)).rejects.toThrow();
    expect(readFileSync(`/proc/${child.pid}/cgroup`, "utf8")).toContain(group.name);
    await group.destroy();
    expect((await exited)[1]).toBe("SIGKILL");
    expect((await otherExited)[1]).toBe("SIGKILL");
    await group.destroy();
  });

  it("is entered by a process itself, in every hierarchy, where all have a file for that", async () => {
    const group = createCgroup({ name: "entered", memoryBytes: 50e6, pids: 9, ends: false });
    if (group.taskFiles === undefined) {
      // A hierarchy of version 2 has no such file.
      expect(group.procsFiles.some((file) => !existsSync(join(file, "..", "tasks")))).toBe(true);
      await group.destroy();
      return;
    }
    expect(group.taskFiles).toHaveLength(group.procsFiles.length);
    const script = 'for file; do echo 0 > "$file" || exit 9; done; exec sleep 1000';
    const child = spawn("sh", ["-c", script, "sh", ...group.taskFiles], { stdio: "ignore" });
    const exited = once(child, "exit");
    const entered = () =>
      group.procsFiles.every((file) => readFileSync(file, "utf8") === `${child.pid}\n`) && group.processes() === 1;
    await eventually(entered, "it is in all of them");
    await group.destroy();
    expect((await exited)[1]).toBe("SIGKILL");
  });

  it("leaves what is in it to others, where it ends nothing, until it is removed", async () => {
    const group = createCgroup({ name: "spared", cpuQuotaMicroseconds: 50_000, ends: false });
    const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    const exited = once(child, "exit");
    group.add(child.pid!);
    group.kill();
    // Were it killed, it would be dead by the time that another has come and gone.
    await once(spawn("true", { stdio: "ignore" }), "exit");
    expect(readProcessStat(child.pid!)?.state).toBe("S");
    await group.destroy();
    expect((await exited)[1]).toBe("SIGKILL");
    expect(ownCgroups()).toEqual([]);
  });

  it("has a name that stays inside of its parent, whatever it is asked for", async () => {
    const group = createCgroup({ name: "../../evil name/../x" });
    expect(group.name).not.toContain("/");
    await group.destroy();
  });

  it("is another than those of other threads of the process, which count for themselves", async () => {
    const program = `
      import { parentPort } from "node:worker_threads";
      import { createCgroup } from ${JSON.stringify(new URL("../../dist/host/cgroup/index.js", import.meta.url).href)};
      const groups = Array.from({ length: 3 }, () => createCgroup({ name: "thread", pids: 10 }));
      parentPort.postMessage(groups.map(({ name }) => name));
      parentPort.once("message", async () => {
        for (const group of groups) await group.destroy();
      });`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
    const threads = [new Worker(url), new Worker(url)];
    const names = (await Promise.all(threads.map((thread) => once(thread, "message")))).flat(2) as string[];
    expect(new Set(names).size).toBe(6);
    expect(ownCgroups().filter((path) => names.some((name) => path.includes(name))).length).toBeGreaterThanOrEqual(6);
    for (const thread of threads) thread.postMessage("end");
    await Promise.all(threads.map((thread) => once(thread, "exit")));
  });

  it("leaves nothing behind where it cannot be made", () => {
    expect(() => createCgroup({ name: "bad", cpuQuotaMicroseconds: 1 })).toThrow();
    expect(ownCgroups()).toEqual([]);
  });
});

describe.runIf(held)("sweepCgroups", () => {
  it("ends the groups of a dead supervisor, and not those of a living one", async () => {
    const index = new URL("../../dist/host/cgroup/index.js", import.meta.url).href;
    const script = `
      import { spawn } from "node:child_process";
      import { createCgroup, enterCgroup } from ${JSON.stringify(index)};
      const group = createCgroup({ name: "abandoned", memoryBytes: 50e6 });
      const [program, ...rest] = enterCgroup(group, ["sleep", "1000"]);
      const child = spawn(program, rest, { stdio: "ignore" });
      const timer = setInterval(() => {
        if (!group.pids().includes(child.pid)) return;
        clearInterval(timer);
        process.stdout.write(group.name + " " + child.pid + "\\n");
      }, 2);`;
    const supervisor = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(supervisor.stdout, "data")) as [Buffer];
    const [name, pid] = line.toString().trim().split(" ") as [string, string];
    const mine = createCgroup({ name: "alive" });
    expect(await sweepCgroups()).not.toContain(name);
    expect(readProcessStat(Number(pid))).toBeDefined();
    const exited = once(supervisor, "exit");
    supervisor.kill("SIGKILL");
    await exited;
    const swept = await sweepCgroups();
    expect(swept).toContain(name);
    expect(swept).not.toContain(mine.name);
    expect(["Z", undefined]).toContain(readProcessStat(Number(pid))?.state);
    await mine.destroy();
  });
});
