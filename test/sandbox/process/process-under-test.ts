/** The process backend, as the conformance suite sees it. */
import { ColdLauncher } from "#src/sandbox/backend/process/cold/cold-launcher.js";
import { makeRecipe, requireInterpreter } from "#src/sandbox/backend/process/make-recipe.js";
import { resolveSandboxConfig } from "#src/sandbox/config.js";
import "#src/sandbox/language/index.js";
import { resolveCodeRequest } from "#src/sandbox/request.js";
import { runCode } from "#src/sandbox/run/run-code.js";
import { wallPrograms } from "../../attack/wall-programs.js";
import type { BackendUnderTest } from "../conformance/backend-under-test.js";
import { remainsOf } from "../remains.js";

const isRoot = process.getuid?.() === 0;

export const processUnderTest: BackendUnderTest = {
  name: "process",
  config: { runtime: "process" },
  packages: ["numpy", "pandas", "matplotlib"],
  slowness: 1,
  countsRefusedForks: true,
  tellsUsage: true,
  heldBy: {
    diskLimit: /^tmpfs$/,
    inodeLimit: /^tmpfs$/,
    network: /^namespace$/,
    syscalls: /^seccomp$/,
    filesystem: /^namespace/,
    ...(isRoot ? { memoryLimit: /^cgroup-v[12]$/ } : {}),
  },
  sharesOneDisk: true,
  runOnNetwork: async (internet, domains, code, options, limits) => {
    const launcher = new ColdLauncher();
    const attachment = await internet.attach(domains, limits);
    const config = resolveSandboxConfig({ allowedDomains: ["allowed.test"], timeLimit: 30 });
    const request = resolveCodeRequest(code, options);
    const recipe = makeRecipe(config, request.language, await requireInterpreter(request.language), [attachment], []);
    const sandbox = await launcher.launch(recipe);
    const result = await runCode(sandbox, request, { limits: config.limits, startedAt: performance.now() });
    await launcher.close();
    return { result, denied: attachment.denials.map(({ host, reason }) => [host, reason] as const) };
  },
  morePrograms: wallPrograms,
  remainsOf: async (supervisor) => remainsOf(supervisor),
  user: { uid: 1000, gid: 1000 },
};
