/** Options of the vm backend: read with the configuration, whichever backend it comes to. */
import type { Checker } from "../model/check.js";
import type { VmSandboxOptions } from "../model/sandbox.js";

export interface ResolvedVmOptions {
  readonly accelerator: "kvm" | "software";
  readonly image: string;
}

const names = ["accelerator", "image"] as const satisfies readonly (keyof VmSandboxOptions)[];
export const vmImageName = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Reports what is wrong to `check`, under `vm`. */
export function resolveVmOptions(check: Checker, given: VmSandboxOptions = {}): ResolvedVmOptions {
  const options = check.object("vm", given, names) ? (given as Record<keyof VmSandboxOptions, unknown>) : given;
  const { image = "default" } = options;
  if (typeof image !== "string" || !vmImageName.test(image))
    check.report("vm.image", `takes letters, digits, ".", "_" and "-", got ${JSON.stringify(image)}`);
  return {
    accelerator: check.oneOf("vm.accelerator", options.accelerator, ["kvm", "software"], "kvm"),
    image: String(image),
  };
}
