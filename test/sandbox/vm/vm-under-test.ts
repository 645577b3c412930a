/** The vm backend, as the conformance suite sees it: guests under software emulation, which every machine can do. */
import { softwareEmulation } from "#src/sandbox/backend/vm/accelerator.js";
import { findImage, type VmImage, vmFolder } from "#src/sandbox/backend/vm/image/image-store.js";
import { connected, makeVmRecipe, VmLauncher } from "#src/sandbox/backend/vm/run/vm-launcher.js";
import { SnapshotStore } from "#src/sandbox/backend/vm/snapshot/snapshot-store.js";
import { emulatedEgress } from "#src/sandbox/backend/vm/vm-backend.js";
import "#src/sandbox/language/index.js";
import { hiddenPackageFolders, makeRecipe, requireInterpreter } from "#src/sandbox/backend/process/make-recipe.js";
import { resolveSandboxConfig } from "#src/sandbox/config.js";
import { resolveCodeRequest } from "#src/sandbox/request.js";
import { runCode } from "#src/sandbox/run/run-code.js";
import type { BackendUnderTest } from "../conformance/backend-under-test.js";
import { remainsOf } from "../remains.js";
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
  runOnNetwork: async (internet, domains, code, options, limits) => {
    const attachment = await internet.attach(domains, { ...emulatedEgress, ...limits });
    const config = resolveSandboxConfig({ allowedDomains: ["allowed.test"], timeLimit: 120 });
    const request = resolveCodeRequest(code, options);
    const { language } = request;
    const interpreter = await requireInterpreter(language);
    const recipe = makeRecipe(config, language, interpreter, [attachment], await hiddenPackageFolders());
    const launcher = new VmLauncher(new SnapshotStore(vmFolder()));
    const image = findImage(testImageName) as VmImage;
    const sandbox = await connected(launcher).launch(await makeVmRecipe(recipe, image, softwareEmulation));
    const result = await runCode(sandbox, request, { limits: config.limits, startedAt: performance.now() });
    await launcher.close();
    return { result, denied: attachment.denials.map(({ host, reason }) => [host, reason] as const) };
  },
  relayIsOutOfReach: true,
  // A machine is a process of the host in the process sandbox: what is left of one is what is left of the other.
  remainsOf: async (supervisor) => remainsOf(supervisor),
  // Its parent is outside of its pid namespace, so that killing it by its number, 0, is killing its own group.
  expectations: { C08: { verdicts: ["ok", "killed"] } },
  user: { uid: 1000, gid: 1000 },
};
