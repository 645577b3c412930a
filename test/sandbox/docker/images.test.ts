/**
 * Images that want more than to be a root: an entrypoint, a health check, volumes, variables, a user, triggers for whoever builds on
 * them. A container has of an image its files, and everything else from us. And what only the daemon sees of one that runs.
 */
import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import "#src/sandbox/language/index.js";
import { DockerClient } from "#src/sandbox/backend/docker/client/client.js";
import { makeTar } from "#src/sandbox/backend/docker/client/tar.js";
import { pidLabel } from "#src/sandbox/backend/docker/labels.js";
import { SandboxExecutor } from "#src/sandbox/sandbox-executor.js";
import { present } from "../../support/require-component.js";
import { daemonHost, joinDaemon, leaveDaemon, testImageName } from "./daemon.js";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 600_000 });

const imageName = "orchestrator-tests-greedy";
const data = join(process.env.ORCHESTRATOR_DOCKER_FOLDER ?? "/var/tmp/orchestrator-docker-tests", "data");

const dockerfile = `FROM ${testImageName}
USER root
RUN mkdir -m 1777 /disk && mkdir -p /evil && echo 'print("EVIL")' > /evil/json.py && echo 'echo EVIL' > /evil/env.sh && chmod -R a+rX /evil
ENV PYTHONPATH=/evil BASH_ENV=/evil/env.sh NODE_OPTIONS=--require=/evil/none.js LD_PRELOAD=/evil/none.so OF_THE_IMAGE=secret
VOLUME ["/disk", "/work/deep", "/usr/lib/python3/dist-packages"]
WORKDIR /disk
HEALTHCHECK --interval=1s --timeout=1s CMD echo healthy > /disk/health
LABEL privileged=true com.example.capabilities=ALL
STOPSIGNAL SIGCONT
ONBUILD RUN echo triggered > /triggered
ENTRYPOINT ["/bin/sh", "-c", "echo ENTRYPOINT; exec sleep 1000"]
CMD ["of the image"]
`;

interface Inspected {
  readonly Mounts: readonly { readonly Type: string; readonly Destination: string }[];
  readonly State: { readonly Health?: unknown };
  readonly Config: { readonly Healthcheck?: { readonly Test?: readonly string[] } };
  readonly HostConfig: {
    readonly Privileged: boolean;
    readonly NetworkMode: string;
    readonly CapDrop: readonly string[];
    readonly CapAdd: readonly string[] | null;
    readonly LogConfig: { readonly Type: string };
    readonly RestartPolicy: { readonly Name: string };
  };
}

describe.runIf(present("linux", "root", "docker", "python"))("an image that wants more than to be a root", () => {
  let client: DockerClient;
  const greedy = new SandboxExecutor({
    runtime: "docker",
    docker: { host: daemonHost, image: imageName, pull: "never" },
    timeLimit: 60,
    warm: false,
  });

  beforeAll(async () => {
    await joinDaemon();
    client = await DockerClient.open(daemonHost);
    await client.buildImage(imageName, makeTar([{ name: "Dockerfile", content: dockerfile }]), { networkmode: "none" });
  });
  afterAll(async () => {
    await greedy.close();
    await client.removeImage(imageName).catch(() => {});
    client.close();
    await leaveDaemon();
  });

  const volumes = () =>
    readdirSync(join(data, "volumes"), { withFileTypes: true }).filter((entry) => entry.isDirectory());

  test("runs nothing of its own, and has no place on the daemon's disk", async () => {
    const code = `import os, json
def attempt(path):
  try: open(path, "w").write("x" * 100000); return "WROTE"
  except OSError as error: return error.strerror
print(json.dumps({"first": open("/proc/1/cmdline").read().split("\\0")[0], "user": os.getuid(), "folder": os.getcwd(),
  "variables": sorted(set(os.environ) & {"PYTHONPATH", "BASH_ENV", "NODE_OPTIONS", "LD_PRELOAD", "OF_THE_IMAGE"}),
  "tries": [attempt(path) for path in ("/disk/x", "/work/deep/x", "/usr/lib/python3/dist-packages/x", "/triggered")],
  "shown": os.listdir("/usr/lib/python3/dist-packages") + os.listdir("/disk")}))`;
    const result = await greedy.executeCode(code);
    expect(result.verdict, `${result.error?.message}\n${result.stderr}`).toBe("ok");
    const { tries, ...rest } = JSON.parse(result.stdout) as { tries: string[] } & Record<string, unknown>;
    expect(rest).toEqual({ first: "/usr/bin/perl", user: 65_534, folder: "/work", variables: [], shown: [] });
    for (const said of tries) expect(said).toMatch(/Read-only file system|Permission denied|No such file/);
    expect((await greedy.executeCode("echo said", { language: "bash" })).stdout).toBe("said\n");
    expect(volumes()).toEqual([]);
  });

  test("is held as every container is, while it runs", async () => {
    const doors = createServer((socket) => socket.destroy()).listen(0, "0.0.0.0");
    let connections = 0;
    doors.on("connection", () => connections++);
    await new Promise((resolve) => doors.once("listening", resolve));
    const { port } = doors.address() as { port: number };
    const code = `import os, socket, sys, time
print(sorted(os.listdir("/sys/class/net")), [os.path.exists(path) for path in ("/var/run/docker.sock", "/run/docker.sock")])
for host, port in [(host, port) for host in ("127.0.0.1", "172.17.0.1", "172.18.0.1", "10.0.0.1", "192.0.2.2") for port in (${port}, 2375, 2376)]:
  try: socket.create_connection((host, port), 0.3); print("CONNECTED", host, port)
  except OSError: pass
sys.stdout.write("flood " * 100000); print("up", flush=True); time.sleep(3)`;
    let inspected: Promise<Inspected> | undefined;
    let id = "";
    const result = await greedy.executeCode(code, {
      onStdout: (chunk) => {
        if (inspected !== undefined || !Buffer.from(chunk).includes("up\n")) return;
        inspected = client.listContainers(`${pidLabel}=${process.pid}`).then(async ([container]) => {
          id = container!.Id;
          expect(readdirSync(join(data, "containers", id)).filter((name) => name.endsWith(".log"))).toEqual([]);
          return (await client.inspectContainer(id)) as unknown as Inspected;
        });
      },
    });
    doors.close();
    expect(result.verdict, result.error?.message).toBe("ok");
    expect(result.stdout).toMatch(/^\['lo'\] \[False, False\]\n/);
    expect(result.stdout).not.toContain("CONNECTED");
    expect(connections).toBe(0);
    const { HostConfig, Config, State, Mounts } = (await inspected)!;
    expect(HostConfig).toMatchObject({
      Privileged: false,
      NetworkMode: "none",
      CapDrop: ["ALL"],
      LogConfig: { Type: "none" },
      RestartPolicy: { Name: "no" },
    });
    expect(HostConfig.CapAdd ?? []).toEqual([]);
    expect(Config.Healthcheck?.Test).toEqual(["NONE"]);
    expect(State.Health).toBeUndefined();
    expect(Mounts.filter(({ Type }) => Type === "volume")).toEqual([]);
    expect(existsSync(join(data, "containers", id))).toBe(false);
  });
});
