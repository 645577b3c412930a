/**
 * How fast a virtual machine is under software emulation: restored for a run, restored ahead of one, and booted from the
 * beginning. Needs QEMU and an image (`orchestrator images build --vm`).
 */
import { chmodSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { findImage, vmFolder } from "#src/sandbox/backend/vm/image/image-store.js";
import { SandboxManager } from "#src/sandbox.js";
import { type Fault, presentFaults } from "../faults/measure.js";
import type { Goal, Table } from "../lib/report.js";
import { median } from "../lib/statistics.js";
import { hello, type Program, pandasSum } from "../sandbox/ways.js";
import type { SuiteOptions, SuiteResult } from "../suite.js";
import { machineFaults } from "./faults.js";

const ROUNDS = 10;
const BOOTS = 3;
/** A spare is restored behind a run; the next one is to find it there. */
const PAUSE_MS = 4000;

export async function run({ log, only }: SuiteOptions): Promise<SuiteResult> {
  const wants = (name: string) => only.length === 0 || only.includes(name);
  const image = findImage("default");
  if ("missing" in image) throw new Error(`${image.missing}; ${image.remedy}`);
  const times = new Map<string, number[]>();
  for (const warm of [false, true]) {
    const name = warm ? "ahead" : "restored";
    if (!wants(name)) continue;
    await using manager = makeManager();
    for (const program of [hello, pandasSum]) {
      const once = () => measure(manager, program, warm);
      await once();
      for (let round = 0; round < ROUNDS; round++) {
        if (warm) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        add(times, `${name} ${program.name}`, await once());
      }
      log(`${name} ${program.name}: p50 ${median(times.get(`${name} ${program.name}`)!).toFixed(0)} ms`);
    }
  }
  if (wants("boot"))
    for (let boot = 0; boot < BOOTS; boot++) {
      add(times, "boot pandas", await measureBoot());
      log(`boot pandas: ${times.get("boot pandas")!.at(-1)!.toFixed(0)} ms`);
    }
  const faults = wants("faults") ? await machineFaults(image, log) : [];
  return present(times, faults);
}

function makeManager(): SandboxManager {
  return new SandboxManager({ defaults: { runtime: "vm", vm: { accelerator: "software" }, timeLimit: 60 } });
}

async function measure(manager: SandboxManager, { code, allowedPackages }: Program, warm: boolean): Promise<number> {
  const startedAt = performance.now();
  const result = await manager.executeCode(code, { language: "python" }, { allowedPackages, warm });
  if (!result.success) throw new Error(`${result.verdict}: ${result.error?.message}`);
  return performance.now() - startedAt;
}

/** From nothing to the answer: the same images, and no snapshot of anything. */
async function measureBoot(): Promise<number> {
  const images = join(vmFolder(), "images");
  const folder = mkdtempSync("/var/tmp/orchestrator-vm-bench-");
  // QEMU has a user of its own, who must be able to walk here.
  chmodSync(folder, 0o755);
  const kept = process.env.ORCHESTRATOR_VM_FOLDER;
  symlinkSync(images, join(folder, "images"));
  process.env.ORCHESTRATOR_VM_FOLDER = join(folder);
  try {
    await using manager = makeManager();
    return await measure(manager, pandasSum, false);
  } finally {
    if (kept === undefined) delete process.env.ORCHESTRATOR_VM_FOLDER;
    else process.env.ORCHESTRATOR_VM_FOLDER = kept;
    rmSync(folder, { recursive: true, force: true });
  }
}

function add(times: Map<string, number[]>, key: string, milliseconds: number): void {
  times.set(key, [...(times.get(key) ?? []), milliseconds]);
}

function present(times: ReadonlyMap<string, number[]>, faults: readonly Fault[]): SuiteResult {
  const p50 = (key: string) => (times.has(key) ? median(times.get(key)!) : Number.NaN);
  const cell = (key: string) => {
    const measured = times.get(key);
    return measured === undefined ? "" : `${median(measured).toFixed(0)} (${Math.min(...measured).toFixed(0)})`;
  };
  const table: Table = {
    title: "Latency under software emulation, ms, p50 (min)",
    head: ["", hello.label, pandasSum.label],
    rows: [
      ["restored for the run", cell("restored hello"), cell("restored pandas")],
      ["restored ahead", cell("ahead hello"), cell("ahead pandas")],
      ["booted", "", cell("boot pandas")],
    ],
  };
  const goals: Goal[] = [];
  const restored = p50("restored pandas");
  if (!Number.isNaN(restored))
    goals.push({
      what: "the pandas program, from restoring to the answer, emulated",
      goal: "at most 1.5 s",
      measured: `${(restored / 1000).toFixed(2)} s`,
      met: restored <= 1500,
    });
  const ratio = p50("boot pandas") / restored;
  if (!Number.isNaN(ratio))
    goals.push({
      what: "a boot to the answer of the same, beside restoring",
      goal: "10 times as long",
      measured: `${ratio.toFixed(1)} times`,
      met: ratio >= 10,
    });
  const method =
    `The vm backend with vm.accelerator "software" and an image of this machine's packages; ${ROUNDS} rounds of each after one ` +
    `that is not counted, ${BOOTS} boots. "Restored ahead" waits ${PAUSE_MS / 1000} s between runs, so that its spare is there.`;
  const told = presentFaults(faults);
  return {
    order: 6,
    title: "Virtual machines",
    method,
    goals: [...goals, ...told.goals],
    tables: [table, ...told.tables],
  };
}
