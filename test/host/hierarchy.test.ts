import { describe, expect, it } from "vitest";
import { parseHierarchies } from "#src/host/cgroup/hierarchy.js";

describe("where this process stands in the cgroup hierarchies", () => {
  it("is read for pure v2", () => {
    const mounts = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    expect(parseHierarchies(mounts, "0::/user.slice/user-1000.slice/session-2.scope\n")).toEqual([
      {
        version: "v2",
        controllers: [],
        mountPoint: "/sys/fs/cgroup",
        ownDirectory: "/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope",
      },
    ]);
  });

  it("is read for a hybrid, with controllers that share a mount and named hierarchies", () => {
    const mounts = [
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct",
      "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory",
      "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd",
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw",
      "50 31 0:50 / /tmp rw - tmpfs tmpfs rw",
    ].join("\n");
    const own = "9:name=systemd:/init\n4:memory:/jobs/7\n2:cpu,cpuacct:/\n0::/u\n";
    const found = parseHierarchies(mounts, own);
    expect(found.map(({ version, controllers, ownDirectory }) => [version, controllers.join(), ownDirectory])).toEqual([
      ["v1", "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/"],
      ["v1", "memory", "/sys/fs/cgroup/memory/jobs/7"],
      ["v1", "name=systemd", "/sys/fs/cgroup/systemd/init"],
      ["v2", "", "/sys/fs/cgroup/unified/u"],
    ]);
  });

  it("is read in a container, whose mounts begin at its own group", () => {
    const mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
    expect(parseHierarchies(mounts, "4:memory:/docker/abc\n")[0]!.ownDirectory).toBe("/sys/fs/cgroup/memory/");
    expect(parseHierarchies(mounts, "4:memory:/docker/abc/inner\n")[0]!.ownDirectory).toBe(
      "/sys/fs/cgroup/memory/inner",
    );
  });

  it("is nowhere where the own group cannot be seen", () => {
    const mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
    expect(parseHierarchies(mounts, "4:memory:/elsewhere\n")).toEqual([]);
    const unified = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    expect(parseHierarchies(unified, "0::/../../outside\n")).toEqual([]);
    expect(parseHierarchies("", "")).toEqual([]);
  });

  it("is read through mount points with spaces", () => {
    const mounts = "30 23 0:26 / /my\\040groups rw - cgroup2 cgroup2 rw\n";
    expect(parseHierarchies(mounts, "0::/a\n")[0]!.ownDirectory).toBe("/my groups/a");
  });
});
