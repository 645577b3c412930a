/** Guests and machines that fail under a run. A guest that is hostile boots here, where others are restored. */
import { chmodSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { softwareEmulation } from "#src/sandbox/backend/vm/accelerator.js";
import type { VmImage } from "#src/sandbox/backend/vm/image/image-store.js";
import { Machine } from "#src/sandbox/backend/vm/machine/machine.js";
import { Guest } from "#src/sandbox/backend/vm/run/guest.js";
import { makeInitrd } from "#src/sandbox/backend/vm/snapshot/initrd.js";
import { resolveSandboxConfig } from "#src/sandbox/config.js";
import { LineSandbox } from "#src/sandbox/line/line-sandbox.js";
import { resolveCodeRequest } from "#src/sandbox/request.js";
import { runCode } from "#src/sandbox/run/run-code.js";
import { SandboxManager } from "#src/sandbox.js";
import { guestDeeds, hostileGuest } from "../faults/hostile.js";
import { type Fault, measureFault, type Provoked } from "../faults/measure.js";

const LIMIT_SECONDS = 10;
const BOOT_MS = 240_000;

export async function machineFaults(image: VmImage, log: (line: string) => void): Promise<Fault[]> {
  const folder = mkdtempSync("/var/tmp/orchestrator-vm-faults-");
  // QEMU's own user walks here.
  chmodSync(folder, 0o755);
  const manager = new SandboxManager({
    defaults: { runtime: "vm", vm: { accelerator: "software" }, timeLimit: LIMIT_SECONDS, warm: false },
  });
  const isWell = async () => (await manager.executeCode("print(6 * 7)")).output === "42\n" && machines().length === 0;
  const faults: Fault[] = [];
  const add = async (what: string, provoke: () => Promise<Provoked>) => {
    const fault = await measureFault(what, LIMIT_SECONDS, provoke, isWell);
    log(`${what}: ${fault.verdict} after ${fault.seconds.toFixed(1)} s`);
    faults.push(fault);
  };

  const hostile = async (deed: string): Promise<Provoked> => {
    const files = { disk: image.disk, kernel: image.kernel, initrd: initrdOf(image, folder, deed) };
    const machine = await Machine.start({ files, accelerator: softwareEmulation, memoryMebibytes: 256 });
    const { limits } = resolveSandboxConfig({ timeLimit: LIMIT_SECONDS });
    const guest = new Guest(machine);
    const sandbox = new LineSandbox({ backend: "vm", partner: guest, enforcement: [], onDisposed: () => {} });
    await guest.go(sandbox, limits, BOOT_MS);
    const request = resolveCodeRequest("print(1)", { language: "python" });
    const startedAt = performance.now();
    return { result: runCode(sandbox, request, { limits, startedAt }), startedAt };
  };

  try {
    await manager.executeCode("1");
    await add("QEMU is killed", async () => {
      let result!: Provoked["result"];
      await new Promise<void>((resolve) => {
        const code = "print('up', flush=True)\nimport time\ntime.sleep(60)";
        result = manager.executeCode(code, { onStdout: () => resolve() });
      });
      const startedAt = performance.now();
      for (const pid of machines()) process.kill(pid, "SIGKILL");
      return { result, startedAt };
    });
    await add("the guest's kernel panics", () => hostile(guestDeeds.panic));
    await add("the guest claims a message of 4 GiB", () => hostile(guestDeeds.claim));
    await add("the guest floods its line", () => hostile(guestDeeds.flood));
    await add("the guest says nothing any more", () => hostile(guestDeeds.silence));
  } finally {
    await manager.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return faults;
}

function initrdOf(image: VmImage, folder: string, deed: string): string {
  const path = join(folder, `initrd-${process.hrtime.bigint()}`);
  writeFileSync(path, makeInitrd(image, Buffer.from(hostileGuest(deed))), { mode: 0o644 });
  return path;
}

/** Processes of QEMU on this machine, which has no other while this is measured. */
function machines(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/exe`).endsWith("/qemu-system-x86_64");
      } catch {
        return false;
      }
    });
}
