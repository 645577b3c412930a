/**
 * Whether containers of a daemon hold what they are made to hold, found out by attempts: a container tries to break each
 * wall, and what it could do is told by what it printed. Done once in this process for each image and runtime, before the first run.
 */
import { createServer } from "node:net";
import { OrchestratorError } from "../../../model/error.js";
import { type ResolvedSandboxConfig, resolveSandboxConfig } from "../../config.js";
import { languageNamed } from "../../language.js";
import { resolveCodeRequest } from "../../request.js";
import { runCode } from "../../run/run-code.js";
import type { DaemonInfo } from "./client/client.js";
import { type Daemon, isGvisor, runtimeOf } from "./daemon.js";
import { makeDockerRecipe } from "./make-recipe.js";

/** Each line is a violation that succeeded; none may. What is written is what is there already, should a wall be down. */
const violations = `
say() { echo "$1"; }
(read -r kept </proc/sys/kernel/core_pattern && echo "$kept" >/proc/sys/kernel/core_pattern) 2>/dev/null && say "filesystem: a setting of the kernel could be written"
for folder in / /usr/bin /etc /run/driver /dev /proc; do (: >$folder/.probe) 2>/dev/null && say "filesystem: $folder could be written"; done
[ -S /var/run/docker.sock ] || [ -S /run/podman/podman.sock ] && say "filesystem: the daemon's own socket can be seen"
(exec 3<>/dev/tcp/127.0.0.1/$PROBE_PORT) 2>/dev/null && say "network: the host's loopback could be reached"
[ "$(ls /sys/class/net 2>/dev/null | grep -vcE '^(lo|tunl0|gre0|gretap0|erspan0|ip_vti0|ip6_vti0|sit0|ip6tnl0|ip6gre0)$')" = 0 ] || say "network: there is an interface besides its own loopback"
[ "$(sed -n 's/^CapBnd:\\s*0*//p' /proc/self/status)" = "" ] || say "syscalls: capabilities can be had"
[ "$(id -u)" = 0 ] && say "filesystem: the code is root"
if [ "$PROBE_KERNEL" = shared ]; then
  /usr/bin/unshare --user true 2>/dev/null && say "syscalls: a user namespace could be made"
  [ "$(sed -n 's/^Seccomp:\\s*//p' /proc/self/status)" = 2 ] || say "syscalls: no filter is set"
  [ "$(sed -n 's/^NoNewPrivs:\\s*//p' /proc/self/status)" = 1 ] || say "syscalls: new privileges can be had"
else
  [ "$(uname -r)" = "$PROBE_KERNEL" ] && say "minIsolation: it has the host's kernel"
fi
exit 0
`;

/** Of all backends of this process: a daemon's walls are the same for each. */
const found = new Map<string, Promise<string | undefined>>();

export class WallProof {
  /** @throws OrchestratorError `SANDBOX_FAILURE` where a wall was broken. */
  async require(daemon: Daemon, info: DaemonInfo, config: ResolvedSandboxConfig): Promise<void> {
    const problem = await this.#problem(daemon, info, config);
    if (problem !== undefined) throw new OrchestratorError("SANDBOX_FAILURE", problem);
  }

  /** What is wrong, as far as it can be found out without pulling an image. */
  async problemIfThere(daemon: Daemon, info: DaemonInfo, config: ResolvedSandboxConfig): Promise<string | undefined> {
    const image = await daemon.images.find(config.docker.imageOf.bash!);
    return image === undefined ? undefined : this.#problem(daemon, info, config);
  }

  #problem(daemon: Daemon, info: DaemonInfo, config: ResolvedSandboxConfig): Promise<string | undefined> {
    const runtime = runtimeOf(config, info);
    const key = JSON.stringify([daemon.client.endpoint.name, config.docker.imageOf.bash, runtime]);
    const known = found.get(key);
    if (known !== undefined) return known;
    const attempted = attempt(daemon, info, config, isGvisor(runtime, info));
    found.set(key, attempted);
    // Only that all held is remembered.
    attempted.then(
      (problem) => problem === undefined || found.delete(key),
      () => found.delete(key),
    );
    return attempted;
  }
}

async function attempt(
  daemon: Daemon,
  info: DaemonInfo,
  { docker, minIsolation }: ResolvedSandboxConfig,
  hasOwnKernel: boolean,
): Promise<string | undefined> {
  const listener = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as { port: number };
  try {
    const config: ResolvedSandboxConfig = {
      ...resolveSandboxConfig({ timeLimit: 30, warm: false }),
      docker,
      minIsolation,
    };
    const language = languageNamed("bash");
    const env = { PROBE_PORT: String(port), PROBE_KERNEL: hasOwnKernel ? info.KernelVersion : "shared" };
    const request = resolveCodeRequest(violations, { language: "bash" }, { env });
    const sandbox = await daemon.cold.launch(await makeDockerRecipe(daemon, info, config, language));
    const result = await runCode(sandbox, request, { limits: config.limits, startedAt: performance.now() });
    if (!result.success)
      return `containers of this daemon could not be tried: ${result.error?.message ?? result.verdict}`;
    const broken = result.stdout.trim().replaceAll("\n", "; ");
    return broken === "" ? undefined : `containers of this daemon are no wall: a probe broke out: ${broken}`;
  } finally {
    listener.close();
  }
}
