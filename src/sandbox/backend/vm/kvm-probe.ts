/** Whether KVM runs a guest here: one is booted until its agent says hello. That `/dev/kvm` opens proves nothing. */
import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { supervisorFolder } from "../process/supervisor-folder.js";
import { hardwareVirtualization } from "./accelerator.js";
import type { VmImage } from "./image/image-store.js";
import { Machine, orEnd } from "./machine/machine.js";
import { makeInitrd } from "./snapshot/initrd.js";

/** With KVM a guest is up in a second. */
const bootDeadlineMs = 15_000;
const probeMebibytes = 256;

const probes = new Map<string, Promise<string | undefined>>();

/** Why not, or `undefined`. Tried once for each image in each process. */
export function kvmProblem(image: VmImage): Promise<string | undefined> {
  let probe = probes.get(image.digest);
  if (probe === undefined) {
    probe = boot(image).then(
      () => undefined,
      (error: Error) => error.message,
    );
    probes.set(image.digest, probe);
  }
  return probe;
}

async function boot(image: VmImage): Promise<void> {
  const initrd = join(supervisorFolder().path, `probe-${randomBytes(6).toString("hex")}`);
  writeFileSync(initrd, makeInitrd(image), { mode: 0o644 });
  let machine: Machine | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    const files = { disk: image.disk, kernel: image.kernel, initrd };
    machine = await Machine.start({ files, accelerator: hardwareVirtualization, memoryMebibytes: probeMebibytes });
    const started = machine;
    timer = setTimeout(() => started.breakOff(`it said nothing for ${bootDeadlineMs / 1000} s`), bootDeadlineMs);
    const hello = new Promise<void>((resolve) => {
      started.onFrame = ({ kind }) => {
        if (kind === "H") resolve();
      };
    });
    await orEnd(started, "it ended", hello);
  } finally {
    clearTimeout(timer);
    await machine?.sandbox.dispose();
    rmSync(initrd, { force: true });
  }
}
