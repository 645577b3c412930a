/**
 * Things that a machine may lack: programs, privileges, data. A test that needs one asks here:
 *
 *     describe.runIf(present("bubblewrap"))("process sandbox", () => { ... });
 *
 * In CI (`CI=true`) a missing component is a failure, so that no test goes quiet unnoticed. Elsewhere the tests are skipped
 * aloud, with the remedy.
 */
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { detectCgroups } from "#src/host/cgroup/index.js";

export interface Component {
  readonly check: () => boolean;
  readonly remedy: string;
  /** Not part of a clone and not to be installed: skipped aloud even in CI. */
  readonly optional?: boolean;
}

const setup = "run scripts/setup.sh --test";
const withData = "set ORCHESTRATOR_DATA to a folder that has it";

export const components = {
  linux: { check: () => process.platform === "linux", remedy: "run on Linux", optional: true },
  root: { check: () => process.getuid?.() === 0, remedy: "run as root" },
  bubblewrap: { check: () => onPath("bwrap"), remedy: setup },
  "util-linux": { check: () => onPath("setpriv") && onPath("prlimit"), remedy: setup },
  cgroups: { check: cgroupsHold, remedy: "run as root, or where groups are delegated to the user" },
  python: { check: () => existsSync("/usr/bin/python3"), remedy: setup },
  pandas: { check: () => existsSync("/usr/lib/python3/dist-packages/pandas"), remedy: setup },
  numpy: { check: () => existsSync("/usr/lib/python3/dist-packages/numpy"), remedy: setup },
  matplotlib: { check: () => existsSync("/usr/lib/python3/dist-packages/matplotlib"), remedy: setup },
  requests: { check: () => existsSync("/usr/lib/python3/dist-packages/requests"), remedy: setup },
  chromium: { check: () => onPath("chromium"), remedy: setup },
  tmux: { check: () => onPath("tmux"), remedy: setup },
  ps: { check: () => onPath("ps"), remedy: setup },
  promtool: { check: () => onPath("promtool"), remedy: setup },
  ip: { check: () => onPath("ip"), remedy: setup },
  openssl: { check: () => onPath("openssl"), remedy: setup },
  git: { check: () => onPath("git"), remedy: setup },
  docker: { check: () => onPath("dockerd"), remedy: setup },
  qemu: { check: () => onPath("qemu-system-x86_64"), remedy: setup },
  e2fsprogs: { check: () => existsSync("/usr/sbin/mke2fs"), remedy: setup },
  redis: { check: () => onPath("redis-server"), remedy: setup },
  /** Recorded executions of scientific workflows, by WfCommons. */
  wfinstances: { check: () => existsSync(sharedData("wfinstances")), remedy: withData, optional: true },
  /** 164 Python problems with solutions and tests, by OpenAI. */
  humaneval: { check: () => existsSync(sharedData("humaneval")), remedy: withData, optional: true },
} as const satisfies Readonly<Record<string, Component>>;

export type ComponentName = keyof typeof components;

/** Where data that is not part of the project lies: beside the checkout, or where `ORCHESTRATOR_DATA` says. */
export function sharedData(name: string): string {
  const folder = process.env.ORCHESTRATOR_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));
  return join(folder, name);
}

const told = new Set<string>();

/** Whether all of these are here. Throws in CI where one is missing that setup should have seen to. */
export function present(...names: readonly ComponentName[]): boolean {
  return names.map((name) => isPresent(name, components[name])).every(Boolean);
}

/** As `present`, for a component that only one test knows. */
export function isPresent(name: string, component: Component): boolean {
  if (component.check()) return true;
  const message = `${name} is missing: ${component.remedy}`;
  if (process.env.CI === "true" && !component.optional) throw new Error(`${message} (in CI, nothing is skipped)`);
  if (!told.has(name)) console.warn(`\n  SKIPPED: ${message}\n`);
  told.add(name);
  return false;
}

function cgroupsHold(): boolean {
  const { memory, cpu, pids } = detectCgroups();
  return memory.usable && cpu.usable && pids.usable;
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
