/** What the vm backend can do on this host: QEMU and an image are there, and KVM has run a guest. */
import { accessSync, constants, existsSync } from "node:fs";
import type { BackendCapabilities, LanguageCapability } from "../../backend.js";
import { languageNamed, languageNames } from "../../language.js";
import type { ResolvedVmOptions } from "../../vm-options.js";
import { processCapabilities } from "../process/capabilities.js";
import { interpreterOf } from "../process/make-recipe.js";
import { describeVmEnforcement } from "./enforcement.js";
import { findImage, type VmImage } from "./image/image-store.js";
import { kvmProblem } from "./kvm-probe.js";
import { qemuPath } from "./machine/machine.js";

type Obstacle = { readonly reason: string; readonly remedy: string };

export async function vmCapabilities(options: ResolvedVmOptions): Promise<BackendCapabilities> {
  const languages = await Promise.all(languageNames().map(languageCapability));
  const obstacle = await findObstacle(options);
  if (obstacle !== undefined) return { backend: "vm", available: false, ...obstacle, limits: [], languages };
  return {
    backend: "vm",
    available: true,
    isolation: options.accelerator === "kvm" ? "hardware" : "kernel",
    limits: describeVmEnforcement(),
    languages,
  };
}

async function findObstacle(options: ResolvedVmOptions): Promise<Obstacle | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64")
    return {
      reason: `guests are made for Linux on x86-64 and this is ${process.platform} on ${process.arch}`,
      remedy: "use the docker backend",
    };
  if (!existsSync(qemuPath))
    return { reason: `${qemuPath} is missing`, remedy: "install it: apt-get install qemu-system-x86" };
  const image = findImage(options.image);
  if ("missing" in image) return { reason: image.missing, remedy: image.remedy };
  // QEMU is locked into a sandbox of processes; without that wall there is none around it.
  const host = await processCapabilities();
  if (!host.available)
    return { reason: `QEMU cannot be locked in: ${host.reason}`, remedy: host.remedy ?? "use the docker backend" };
  return options.accelerator === "kvm" ? findKvmObstacle(image) : undefined;
}

async function findKvmObstacle(image: VmImage): Promise<Obstacle | undefined> {
  const otherwise = 'or have guests emulated, which is some ten times slower: vm: { accelerator: "software" }';
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return missing
      ? { reason: "this machine offers no KVM (/dev/kvm is missing)", remedy: `switch virtualization on, ${otherwise}` }
      : { reason: "/dev/kvm may not be used", remedy: `join the group kvm (usermod -aG kvm USER), ${otherwise}` };
  }
  const problem = await kvmProblem(image);
  if (problem === undefined) return undefined;
  return {
    reason: `a guest was booted with KVM to try it, and did not start: ${problem}`,
    remedy: `run where KVM works, ${otherwise}`,
  };
}

async function languageCapability(language: string): Promise<LanguageCapability> {
  const interpreter = await interpreterOf(languageNamed(language));
  return "missing" in interpreter ? { language, ...interpreter } : { language, version: interpreter.version };
}
