/** What runs a guest's instructions: the processor itself (KVM), or QEMU's own translation of them. */
import type { Mount } from "../../recipe.js";

export interface Accelerator {
  readonly name: "kvm" | "software";
  readonly arguments: readonly string[];
  readonly mounts: readonly Mount[];
}

/** Instructions that interpreters and numerical libraries need, and none that are slow to translate. */
const plainProcessor = "Nehalem,+rdrand,-vmx";

export const softwareEmulation: Accelerator = {
  name: "software",
  arguments: ["-accel", "tcg,thread=single,tb-size=128", "-cpu", plainProcessor],
  mounts: [],
};

export const hardwareVirtualization: Accelerator = {
  name: "kvm",
  arguments: ["-accel", "kvm", "-cpu", "host,migratable=on"],
  mounts: [{ type: "device", source: "/dev/kvm", target: "/dev/kvm" }],
};
