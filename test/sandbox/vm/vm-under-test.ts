/** The vm backend, as the conformance suite sees it: guests under software emulation, which every machine can do. */
import "#src/sandbox/language/index.js";
import type { BackendUnderTest } from "../conformance/backend-under-test.js";
import { remainsOf } from "../process/supervisor.js";
import { provideImage, testImageName } from "./image.js";

export const vmUnderTest: BackendUnderTest = {
  name: "vm",
  config: { runtime: "vm", vm: { accelerator: "software", image: testImageName } },
  start: provideImage,
  packages: ["numpy", "pandas", "matplotlib"],
  slowness: 5,
  countsRefusedForks: true,
  tellsUsage: true,
  heldBy: {
    memoryLimit: /^guest-cgroup$/,
    diskLimit: /^tmpfs$/,
    inodeLimit: /^tmpfs$/,
    network: /^no-device$/,
    syscalls: /^virtual-machine$/,
    filesystem: /^virtual-machine$/,
  },
  sharesOneDisk: true,
  // A machine is a process of the host in the process sandbox: what is left of one is what is left of the other.
  remainsOf: async (supervisor) => remainsOf(supervisor),
  // Its parent is outside of its pid namespace, so that killing it by its number, 0, is killing its own group.
  expectations: { C08: { verdicts: ["ok", "killed"] } },
  user: { uid: 1000, gid: 1000 },
};
