/** What is laid out of images in the folder for temporary files, and whose it is. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { pidNamespace, readProcessStat } from "#src/host/process-identity.js";
import { makeSkeleton, removeSkeleton, sweepSkeletons } from "#src/sandbox/backend/docker/image/skeletons.js";
import { present } from "../../support/require-component.js";

describe.runIf(present("linux"))("skeletons of images", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "skeletons-"));
    vi.stubEnv("TMPDIR", folder);
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  const make = (owner: string, mode = 0o700) => {
    const path = join(folder, `orchestrator-image-${owner}-AbCdEf`);
    mkdirSync(join(path, "usr", "lib"), { recursive: true });
    chmodSync(path, mode);
    return path;
  };

  test("of processes that were killed are removed by the next, and no others", () => {
    const gone = spawnSync("/bin/true").pid;
    const space = pidNamespace();
    const dead = make(`${space}-${gone}-1`);
    const kept = [
      make(`${space}-${process.pid}-${readProcessStat("self")!.startTicks}`),
      make(`${space + 1}-${gone}-1`),
      make(`${space}-${gone}-2`, 0o755),
      make("else"),
    ];
    expect(sweepSkeletons()).toEqual([dead]);
    expect(existsSync(dead)).toBe(false);
    expect(kept.filter((path) => existsSync(path))).toEqual(kept);
  });

  test("are this process's own while it lives, and go when they are of no use", () => {
    const skeleton = makeSkeleton();
    expect(sweepSkeletons()).toEqual([]);
    expect(existsSync(skeleton)).toBe(true);
    removeSkeleton(skeleton);
    expect(existsSync(skeleton)).toBe(false);
  });
});
