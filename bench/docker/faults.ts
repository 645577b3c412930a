/** Containers and daemons that fail under a run. */
import { DockerClient } from "#src/sandbox/backend/docker/client/client.js";
import { containerSpec } from "#src/sandbox/backend/docker/container-spec.js";
import { pidLabel } from "#src/sandbox/backend/docker/labels.js";
import { Container } from "#src/sandbox/backend/docker/run/container.js";
import { seccompProfile } from "#src/sandbox/backend/docker/seccomp-profile.js";
import { resolveSandboxConfig } from "#src/sandbox/config.js";
import { LineSandbox } from "#src/sandbox/line/line-sandbox.js";
import { resolveCodeRequest } from "#src/sandbox/request.js";
import { runCode } from "#src/sandbox/run/run-code.js";
import { SandboxManager } from "#src/sandbox.js";
import { agentDeeds, hostileAgent } from "../faults/hostile.js";
import { type Fault, measureFault, type Provoked } from "../faults/measure.js";
import type { DockerDaemon } from "../lib/docker-daemon.js";

const LIMIT_SECONDS = 5;

export async function containerFaults(daemon: DockerDaemon, log: (line: string) => void): Promise<Fault[]> {
  const { host, image } = daemon;
  const client = await DockerClient.open(host);
  const docker = { host, image, pull: "never" } as const;
  const manager = new SandboxManager({ defaults: { runtime: "docker", docker, timeLimit: LIMIT_SECONDS } });
  const ours = async () => (await client.listContainers(`${pidLabel}=${process.pid}`)).map(({ Id }) => Id);
  const isWell = async () => (await manager.executeCode("print(6 * 7)")).output === "42\n";
  const faults: Fault[] = [];
  const add = async (what: string, provoke: () => Promise<Provoked>) => {
    const fault = await measureFault(what, LIMIT_SECONDS, provoke, isWell);
    log(`${what}: ${fault.verdict} after ${fault.seconds.toFixed(1)} s`);
    faults.push(fault);
  };

  /** A run that has printed: the harm is done then. */
  const during = async (harm: () => Promise<unknown>): Promise<Provoked> => {
    const startedAt = performance.now();
    let result!: Provoked["result"];
    await new Promise<void>((resolve) => {
      const code = "print('up', flush=True)\nimport time\ntime.sleep(60)";
      result = manager.executeCode(code, { onStdout: () => resolve() });
    });
    await harm();
    return { result, startedAt };
  };

  const hostile = async (deed: string): Promise<Provoked> => {
    const { limits } = resolveSandboxConfig({ timeLimit: LIMIT_SECONDS });
    const spec = containerSpec({
      image,
      command: hostileAgent(deed),
      environment: {},
      limits,
      processesOfTheWall: 1,
      volumes: [],
      mounts: [],
      shareNetwork: false,
      seccomp: seccompProfile((await client.info()).Architecture),
      countsInodes: true,
      runtime: undefined,
    });
    const options = { spec, cpuQuotaMicros: limits.cpuQuotaMicros, onLeft: () => {} };
    const partner = await Container.start(client, options);
    const sandbox = new LineSandbox({ backend: "docker", partner, enforcement: [], onDisposed: () => {} });
    const request = resolveCodeRequest("print(1)", { language: "python" });
    const startedAt = performance.now();
    return { result: runCode(sandbox, request, { limits, startedAt }), startedAt };
  };

  try {
    await isWell();
    await add("the container is killed", () =>
      during(async () => {
        for (const id of await ours()) await client.killContainer(id);
      }),
    );
    await add("the daemon is restarted", () => during(() => daemon.restart()));
    await add("its agent claims a message of 4 GiB", () => hostile(agentDeeds.claim));
    await add("its agent floods the line", () => hostile(agentDeeds.flood));
    await add("its agent says nothing any more", () => hostile(agentDeeds.silence));
  } finally {
    await manager.close();
  }
  const left = await ours();
  client.close();
  return faults.map((fault) => ({ ...fault, healed: fault.healed && left.length === 0 }));
}
