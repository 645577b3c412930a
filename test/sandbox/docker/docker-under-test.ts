/** The docker backend, as the conformance suite sees it. */
import "#src/sandbox/language/index.js";
import { Checker } from "#src/model/check.js";
import { DockerClient } from "#src/sandbox/backend/docker/client/client.js";
import { Daemon } from "#src/sandbox/backend/docker/daemon.js";
import { pidLabel } from "#src/sandbox/backend/docker/labels.js";
import { makeDockerRecipe } from "#src/sandbox/backend/docker/make-recipe.js";
import { resolveSandboxConfig } from "#src/sandbox/config.js";
import { resolveCodeRequest } from "#src/sandbox/request.js";
import { runCode } from "#src/sandbox/run/run-code.js";
import { resolveWarmOptions } from "#src/sandbox/warm-options.js";
import type { BackendUnderTest } from "../conformance/backend-under-test.js";
import { daemonHost, joinDaemon, leaveDaemon, testImageName } from "./daemon.js";

const config = { runtime: "docker", docker: { host: daemonHost, image: testImageName, pull: "never" } } as const;

export const dockerUnderTest: BackendUnderTest = {
  name: "docker",
  config,
  start: joinDaemon,
  stop: leaveDaemon,
  packages: ["numpy", "pandas", "matplotlib"],
  // A container takes a daemon's time to start, which no time limit counts; the code itself is as fast as ever.
  slowness: 2,
  countsRefusedForks: true,
  tellsUsage: true,
  heldBy: {
    memoryLimit: /^cgroup-v[12]$/,
    cpuQuota: /^cgroup-v[12]$/,
    processLimit: /^cgroup-v[12]$/,
    diskLimit: /^tmpfs$/,
    inodeLimit: /^tmpfs$/,
    network: /^namespace$/,
    syscalls: /^seccomp$/,
    filesystem: /^container$/,
  },
  sharesOneDisk: false,
  runOnNetwork: async (internet, domains, code, options, limits) => {
    const daemon = await Daemon.open(daemonHost, resolveWarmOptions(new Checker()));
    const attachment = await internet.attach(domains, limits);
    const resolved = resolveSandboxConfig({ ...config, allowedDomains: ["allowed.test"], timeLimit: 30 });
    const request = resolveCodeRequest(code, options);
    const recipe = await makeDockerRecipe(daemon, await daemon.info(), resolved, request.language, [attachment]);
    const sandbox = await daemon.cold.launch(recipe);
    const result = await runCode(sandbox, request, { limits: resolved.limits, startedAt: performance.now() });
    await daemon.close();
    return { result, denied: attachment.denials.map(({ host, reason }) => [host, reason] as const) };
  },
  remainsOf: async (supervisor) => {
    const client = await DockerClient.open(daemonHost);
    const containers = await client.listContainers(`${pidLabel}=${supervisor}`);
    return containers.map(({ Id }) => Id);
  },
  // The agent of a container, which code cannot signal, is the first process and the parent.
  expectations: { C08: { verdicts: ["ok", "killed"] }, H06: { required: /uid=65534/ } },
  user: { uid: 65_534, gid: 65_534 },
};
