/**
 * The daemon of the tests: dockerd from Debian, started by hand in a folder of its own, without a bridge and without a
 * rule of iptables, and ended with the last test file that uses it. Its image, made of what is installed on this machine, is
 * kept between runs of the tests for as long as the packages of the machine are what they were.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DockerClient } from "#src/sandbox/backend/docker/client/client.js";
import { buildDockerImage } from "#src/sandbox/backend/docker/image/build-image.js";
import { usualPackages } from "#src/sandbox/backend/vm/image/build-image.js";
import { isDead, ownIdentity, withFileLock } from "#src/sandbox/backend/vm/snapshot/file-lock.js";

const folder = process.env.ORCHESTRATOR_DOCKER_FOLDER ?? "/var/tmp/orchestrator-docker-tests";
const place = (name: string) => join(folder, name);

export const testImageName = "orchestrator-tests";
/** What the suite needs besides the usual packages, and what is there to be hidden. */
const packages = ["curl", "python3-yaml"];

/** gVisor, where it is installed. */
export const runscPath = "/usr/bin/runsc";

export const daemonHost = `unix://${place("docker.sock")}`;

/** Starts the daemon with its image, or joins those who use it already. */
export async function joinDaemon(): Promise<void> {
  mkdirSync(place("users"), { recursive: true, mode: 0o755 });
  await locked(async () => {
    writeFileSync(place(join("users", ownIdentity())), "");
    if (runningDaemon() === undefined) await startDaemon();
    await provideImage();
  });
}

/** Ends the daemon where nobody else uses it. */
export async function leaveDaemon(): Promise<void> {
  await locked(async () => {
    rmSync(place(join("users", ownIdentity())), { force: true });
    if (otherUsers().length === 0) await stopDaemon();
  });
}

function otherUsers(): string[] {
  const users = readdirSync(place("users"));
  for (const user of users) if (isDead(user)) rmSync(place(join("users", user)), { force: true });
  return users.filter((user) => user !== ownIdentity() && !isDead(user));
}

function locked(work: () => Promise<void>): Promise<void> {
  return withFileLock(
    place("lock"),
    () => undefined,
    async () => {
      await work();
    },
  );
}

function runningDaemon(): number | undefined {
  try {
    const pid = Number(readFileSync(place("pid"), "latin1"));
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("dockerd") ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Ends the daemon and starts it again. Whoever calls this has a daemon of its own: nobody's sandboxes survive it. */
export async function restartDaemon(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  await locked(async () => {
    await stopDaemon(signal);
    await startDaemon();
  });
}

async function startDaemon(): Promise<void> {
  const log = openSync(place("log"), "w");
  for (const name of ["pid", "docker.sock"]) rmSync(place(name), { force: true });
  const options = [
    `--host=${daemonHost}`,
    ...["data", "exec"].map((name) => `--${name}-root=${place(name)}`),
    `--pidfile=${place("pid")}`,
    ...gvisorOptions(),
    ...["--iptables=false", "--ip6tables=false", "--bridge=none", "--shutdown-timeout=2"],
  ];
  spawn("dockerd", options, { stdio: ["ignore", log, log], detached: true, cwd: "/" }).unref();
  const client = await DockerClient.open(daemonHost);
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      await client.info();
      return;
    } catch (error) {
      if (performance.now() > deadline)
        throw new Error(`dockerd did not start: ${readFileSync(place("log"), "utf8").slice(-2000)}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** The interfaces of its namespace are the host's here, says gVisor, and refuses to start where it is to have a network. */
function gvisorOptions(): string[] {
  if (!existsSync(runscPath)) return [];
  const script = place("runsc");
  writeFileSync(script, `#!/bin/sh\nexec ${runscPath} --network=none "$@"\n`, { mode: 0o755 });
  return [`--add-runtime=runsc=${script}`];
}

async function stopDaemon(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
  const pid = runningDaemon();
  if (pid === undefined) return;
  const children = childrenOf(pid);
  process.kill(pid, signal);
  const deadline = performance.now() + 30_000;
  while (runningDaemon() !== undefined && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20));
  // What a daemon that was killed leaves running is its containerd, which the next one would wait for.
  for (const child of children) {
    try {
      process.kill(child, "SIGKILL");
    } catch {
      // It has ended with its parent.
    }
  }
  // Where nobody reaps it, its number counts as that of one that lives.
  for (const file of ["pid", "exec/containerd/containerd.pid"]) rmSync(place(file), { force: true });
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim().split(" ").filter(Boolean).map(Number);
}

async function provideImage(): Promise<void> {
  const status = readFileSync("/var/lib/dpkg/status");
  const wanted = createHash("sha256")
    .update(JSON.stringify([packages, usualPackages, process.version]))
    .update(status)
    .digest("hex");
  const client = await DockerClient.open(daemonHost);
  const found = await client.inspectImage(testImageName);
  if (found !== undefined && readStamp() === wanted) return;
  await buildDockerImage({ name: testImageName, packages, host: daemonHost });
  writeFileSync(place("stamp"), wanted);
}

function readStamp(): string | undefined {
  try {
    return readFileSync(place("stamp"), "latin1");
  } catch {
    return undefined;
  }
}
