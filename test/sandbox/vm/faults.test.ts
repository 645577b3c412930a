/**
 * Guests whose kernel is the enemy's, and machines that die: each ends as a verdict, and nothing is left. The hostile guests
 * are real ones, which boot and do their worst with busybox in the place of the agent.
 */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import "#src/sandbox/language/index.js";
import { softwareEmulation } from "#src/sandbox/backend/vm/accelerator.js";
import { findImage, type VmImage } from "#src/sandbox/backend/vm/image/image-store.js";
import { Machine } from "#src/sandbox/backend/vm/machine/machine.js";
import { Guest } from "#src/sandbox/backend/vm/run/guest.js";
import { makeInitrd } from "#src/sandbox/backend/vm/snapshot/initrd.js";
import { resolveSandboxConfig } from "#src/sandbox/config.js";
import { LineSandbox } from "#src/sandbox/line/line-sandbox.js";
import { resolveCodeRequest } from "#src/sandbox/request.js";
import { runCode } from "#src/sandbox/run/run-code.js";
import { guestDeeds, hostileGuest } from "../../../bench/faults/hostile.js";
import { present } from "../../support/require-component.js";
import { executorOf } from "../conformance/backend-under-test.js";
import { remainsOf } from "../remains.js";
import { provideImage, testImageName } from "./image.js";
import { vmUnderTest } from "./vm-under-test.js";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const isHere = present("linux", "qemu", "e2fsprogs", "bubblewrap", "util-linux", "python");

const deeds = {
  "that panics": [guestDeeds.panic, /kernel gave up|machine ended/],
  "that powers itself off": ["echo o >/proc/sysrq-trigger", /machine ended/],
  "that spins with all that it has": ["while :; do :; done", undefined],
  "whose first process ends": [guestDeeds.end, /kernel gave up|machine ended/],
  "that claims a message of 4 GiB": [guestDeeds.claim, /announced a message of 4294967295 bytes/],
  "that sends nonsense": [guestDeeds.nonsense, /unknown kind/],
  "that floods its line": [guestDeeds.flood, /unknown kind/],
  "that asks for a way out that it was not given": [
    "$b printf '\\0\\0\\0\\5Wo\\0\\0\\0\\1' >&3",
    /a way out that it was not given/,
  ],
  "that speaks of what it has not opened": [
    "# with a way out\n$b printf '\\0\\0\\0\\6Wd\\0\\0\\0\\1x' >&3",
    /a stream that is not open/,
  ],
  "that says nothing any more": [guestDeeds.silence, undefined],
} as const satisfies Readonly<Record<string, readonly [string, RegExp | undefined]>>;

describe.runIf(isHere)("machines that fail", () => {
  let image: VmImage;
  let folder: string;

  beforeAll(async () => {
    await provideImage();
    image = findImage(testImageName) as VmImage;
    folder = mkdtempSync("/var/tmp/orchestrator-vm-faults-");
    // QEMU's own user walks here.
    (await import("node:fs")).chmodSync(folder, 0o755);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function hostileInitrd(deed: string): string {
    const path = join(folder, `initrd-${Math.random().toString(36).slice(2)}`);
    writeFileSync(path, makeInitrd(image, Buffer.from(hostileGuest(deed))), { mode: 0o644 });
    return path;
  }

  test.each(Object.entries(deeds))("a guest %s ends in a verdict, and leaves nothing", async (_, [deed, words]) => {
    const files = { disk: image.disk, kernel: image.kernel, initrd: hostileInitrd(deed) };
    const machine = await Machine.start({ files, accelerator: softwareEmulation, memoryMebibytes: 256 });
    const { limits } = resolveSandboxConfig({ timeLimit: 10 });
    const guest = new Guest(machine);
    const sandbox = new LineSandbox({ backend: "vm", partner: guest, enforcement: [], onDisposed: () => {} });
    try {
      if (deed.startsWith("# with a way out")) sandbox.connectProxy(join(folder, "nobody"));
      // It boots here, where others are restored.
      await guest.go(sandbox, limits, 240_000);
      const request = resolveCodeRequest("print(1)", { language: "python" });
      const result = await runCode(sandbox, request, { limits, startedAt: performance.now() });
      if (words === undefined) expect(result.verdict).toBe("timeout");
      else {
        expect(result.verdict).toBe("sandbox-failure");
        expect(result.error?.message).toMatch(words);
      }
    } finally {
      await sandbox.dispose();
    }
    expect(remainsOf(process.pid)).toEqual([]);
  });

  test("QEMU that is killed is a failure of the sandbox, and the next run has another machine", async () => {
    await using executor = executorOf(vmUnderTest, { timeLimit: 240, warm: false });
    let start!: () => void;
    const started = new Promise<void>((resolve) => {
      start = resolve;
    });
    const code = "print('up', flush=True)\nimport time\ntime.sleep(200)";
    const result = executor.executeCode(code, { onStdout: start });
    // One that ends before it prints is told by its verdict or error, and not by waiting for ever.
    await Promise.race([started, result]);
    for (const pid of qemuBelow(process.pid)) process.kill(pid, "SIGKILL");
    expect((await result).verdict).toBe("sandbox-failure");
    expect((await executor.executeCode("print(6 * 7)")).output).toBe("42\n");
  });
});

/** Processes of QEMU that descend from a process. */
function qemuBelow(ancestor: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isQemu(pid) && descends(pid, ancestor));
}

function isQemu(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`).endsWith("/qemu-system-x86_64");
  } catch {
    return false;
  }
}

function descends(pid: number, ancestor: number): boolean {
  for (let current = pid; current > 1; ) {
    if (current === ancestor) return true;
    try {
      current = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${current}/status`, "latin1"))?.[1]);
    } catch {
      return false;
    }
  }
  return false;
}
