import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { readProcessStat } from "#src/host/process-identity.js";
import {
  killProcessTree,
  listProcessTree,
  newTreeMarker,
  type ProcessTree,
  treeMarkerName,
} from "#src/host/process-tree.js";
import { eventually, processesWith } from "../runner/outside.js";

const label = `tree-test-${process.pid}`;

function start(script: string): { tree: ProcessTree; exited: Promise<unknown> } {
  const marker = newTreeMarker();
  const child = spawn("sh", ["-c", `${script} # ${label}`], {
    stdio: "ignore",
    detached: true,
    env: { ...process.env, [treeMarkerName]: marker },
  });
  const startTicks = readProcessStat(child.pid!)?.startTicks;
  return { tree: { pid: child.pid!, startTicks, marker }, exited: once(child, "exit") };
}

afterEach(() => {
  expect(processesWith(label)).toEqual([]);
});

describe("killProcessTree", () => {
  it("ends children, and daemons that forked twice and took a session of their own", async () => {
    // The daemon's parent ends at once, so init adopts it: neither group, session nor parent lead to it.
    const daemon = `(setsid sh -c "sleep 1000; : ${label}" & ) `;
    const { tree, exited } = start(`${daemon}; sleep 1000 & sleep 1000; :`);
    await eventually(() => listProcessTree(tree).length >= 5, "shell, daemon, its sleep, two sleeps");
    await killProcessTree(tree, { graceMs: 1000 });
    await exited;
    expect(listProcessTree(tree)).toEqual([]);
  });

  it("kills what does not end when it is asked", async () => {
    const { tree, exited } = start(
      `trap '' TERM; setsid sh -c 'trap "" TERM; sleep 1000; : ${label}' & while :; do sleep 1; done`,
    );
    await eventually(() => listProcessTree(tree).length >= 4, "two shells and their sleeps");
    await killProcessTree(tree, { graceMs: 50 });
    await exited;
    expect(listProcessTree(tree)).toEqual([]);
  });

  it("finds what is left when the first process has ended", async () => {
    const { tree, exited } = start("sleep 1000 & :");
    await exited;
    expect(listProcessTree(tree)).toHaveLength(1);
    await killProcessTree(tree, { graceMs: 0 });
    expect(listProcessTree(tree)).toEqual([]);
  });

  it("leaves everybody else alone, one with the first process's pid included", async () => {
    const other = start("sleep 1000; :");
    await eventually(() => listProcessTree(other.tree).length >= 2, "the other tree runs");
    // The pid is the other tree's by now: an earlier start and another marker say that it is not the one meant.
    const gone: ProcessTree = { pid: other.tree.pid, startTicks: other.tree.startTicks! - 1, marker: newTreeMarker() };
    expect(listProcessTree(gone)).toEqual([]);
    await killProcessTree(gone, { graceMs: 0 });
    expect(listProcessTree(other.tree).length).toBeGreaterThanOrEqual(2);
    await killProcessTree(other.tree, { graceMs: 0 });
    await other.exited;
  });
});
