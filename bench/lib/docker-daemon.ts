/** A Docker daemon of the benchmark's own, with an image of this machine's packages. Needs root and `dockerd` (Debian: docker.io). */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DockerClient } from "#src/sandbox/backend/docker/client/client.js";
import { buildDockerImage } from "#src/sandbox/backend/docker/image/build-image.js";

export interface DockerDaemon extends AsyncDisposable {
  /** As `DOCKER_HOST` takes it. */
  readonly host: string;
  readonly image: string;
  /** Ends it and starts it again, with what it had. */
  restart(): Promise<void>;
}

export function hasDockerDaemon(): boolean {
  return process.getuid?.() === 0 && existsSync("/usr/sbin/dockerd");
}

export async function startDockerDaemon(log: (line: string) => void): Promise<DockerDaemon> {
  const folder = mkdtempSync("/var/tmp/orchestrator-docker-bench-");
  const host = `unix://${join(folder, "docker.sock")}`;
  const output = openSync(join(folder, "log"), "w");
  const options = [
    `--host=${host}`,
    ...["data", "exec"].map((name) => `--${name}-root=${join(folder, name)}`),
    `--pidfile=${join(folder, "pid")}`,
    ...["--iptables=false", "--ip6tables=false", "--bridge=none"],
  ];
  let daemon: ChildProcess | undefined;
  let ended: Promise<unknown> | undefined;
  const start = async (): Promise<void> => {
    daemon = spawn("dockerd", options, { stdio: ["ignore", output, output] });
    ended = new Promise((resolve) => daemon!.once("exit", resolve));
    await untilItAnswers(host);
  };
  const end = async (): Promise<void> => {
    daemon?.kill("SIGTERM");
    await ended;
  };
  const close = async (): Promise<void> => {
    await end();
    closeSync(output);
    rmSync(folder, { recursive: true, force: true });
  };
  const restart = async (): Promise<void> => {
    await end();
    await start();
  };
  try {
    await start();
    log("building an image of this machine's packages");
    const image = "orchestrator-bench";
    await buildDockerImage({ name: image, host });
    return { host, image, restart, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function untilItAnswers(host: string): Promise<void> {
  const client = await DockerClient.open(host);
  for (let tries = 0; ; tries++) {
    try {
      await client.info();
      return;
    } catch (error) {
      if (tries > 600) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
