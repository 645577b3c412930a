/**
 * Scenarios of the catalogue that are about no part in particular: numbers of processes that come round, files that change while they are
 * collected, packages that would run something, hosts that lack a wall. README.md says where every scenario is.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { isProcessRunning, readProcessStat } from "#src/host/process-identity.js";
import { UnsupportedLimitError } from "#src/model/sandbox.js";
import { ColdLauncher } from "#src/sandbox/backend/process/cold/cold-launcher.js";
import { makeRecipe, requireInterpreter } from "#src/sandbox/backend/process/make-recipe.js";
import { resolveSandboxConfig } from "#src/sandbox/config.js";
import "#src/sandbox/language/index.js";
import { languageNamed } from "#src/sandbox/language.js";
import { SandboxExecutor } from "#src/sandbox/sandbox-executor.js";
import { SandboxManager } from "#src/sandbox/sandbox-manager.js";
import { present } from "../support/require-component.js";
import { Canary, footprint } from "./invariants.js";

const root = resolve(import.meta.dirname, "../..");
const lenient = { onUnsupported: ["memoryLimit", "cpuQuota"] } as const;

function below(ancestor: number): number[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const children = (parent: number): number[] => all.filter((pid) => readProcessStat(pid)?.parentPid === parent);
  const tree = (parent: number): number[] => children(parent).flatMap((pid) => [pid, ...tree(pid)]);
  return tree(ancestor);
}

/** A sleeping process with that number; the kernel gives numbers in turn, so the one before is said to be the last. */
function sleeperWithPid(pid: number): { readonly pid: number; readonly startTicks: number } {
  for (let tries = 0; tries < 200; tries++) {
    const script = `echo ${pid - 1} >/proc/sys/kernel/ns_last_pid; sleep 1000 >/dev/null 2>&1 & echo $!`;
    const got = Number(spawnSync("/bin/sh", ["-c", script], { encoding: "utf8" }).stdout);
    if (got === pid) return { pid, startTicks: readProcessStat(pid)!.startTicks };
    process.kill(got, "SIGKILL");
  }
  throw new Error(`no process got the number ${pid}`);
}

function canChooseNumbers(): boolean {
  try {
    writeFileSync("/proc/sys/kernel/ns_last_pid", readFileSync("/proc/sys/kernel/ns_last_pid"));
    return true;
  } catch {
    console.warn(
      "\n  SKIPPED: /proc/sys/kernel/ns_last_pid cannot be written, so no number of a process can be had again\n",
    );
    return false;
  }
}

describe.runIf(present("linux", "root", "bubblewrap", "util-linux", "python"))("numbers of processes (S08)", () => {
  test.runIf(canChooseNumbers())("that have come round are somebody else's, and are left alone", async () => {
    const config = resolveSandboxConfig({ timeLimit: 60 });
    const language = languageNamed("python");
    const recipe = makeRecipe(config, language, await requireInterpreter(language), [], []);
    const launcher = new ColdLauncher();
    const before = new Set(below(process.pid));
    const sandbox = await launcher.launch(recipe);
    const tree = below(process.pid).filter((pid) => !before.has(pid));
    const [keeper] = tree.filter((pid) => readProcessStat(pid)?.parentPid === process.pid);
    const [init] = tree.filter((pid) => /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, "latin1")));
    const strangers: { readonly pid: number; readonly startTicks: number }[] = [];
    try {
      // Both are killed behind the back of their supervisor, and their numbers given to others before it does anything.
      for (const pid of [init!, keeper!]) {
        process.kill(pid, "SIGKILL");
        await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 10_000 }).toBe(false);
      }
      await sandbox.exited;
      for (const pid of tree) strangers.push(sleeperWithPid(pid));
      await sandbox.kill();
      await sandbox.dispose();
      await launcher.close();
      for (const { pid, startTicks } of strangers) expect(isProcessRunning(pid, startTicks), String(pid)).toBe(true);
    } finally {
      for (const { pid } of strangers) process.kill(pid, "SIGKILL");
      await launcher.close();
    }
  });
});

describe.runIf(present("linux", "bubblewrap", "util-linux", "python"))(
  "files that change while they are collected (S13)",
  () => {
    test.each([
      ["cold", false],
      ["warm", true],
    ])("are looked at when nobody can change them any more, and no link is followed, %s", async (_, warm) => {
      await using canary = await Canary.plant();
      await using manager = new SandboxManager({
        defaults: { ...lenient, runtime: "process", warm, timeLimit: 30, minIsolation: "namespaces" },
        warm: { spares: 0 },
      });
      // Whoever is left behind swaps files and folders for links to the host's secret for as long as it lives.
      const code = `import os, itertools
os.makedirs("/work/folder")
open("/work/folder/secret", "w").write("own")
if os.fork() == 0:
  os.setsid()
  for turn in itertools.count():
    if turn % 2: os.symlink(${JSON.stringify(canary.file)}, "/tmp/next")
    else: open("/tmp/next", "w").write("own")
    try: os.rename("/tmp/next", "/work/file")
    except OSError: os.symlink(${JSON.stringify(canary.file)}, "/work/file.new"); os.rename("/work/file.new", "/work/file"); os.unlink("/tmp/next")
    if turn % 2: os.rename("/work/folder", "/work/aside"); os.symlink(${JSON.stringify(dirname(canary.file))}, "/work/folder")
    elif turn: os.unlink("/work/folder"); os.rename("/work/aside", "/work/folder")
    if turn == 100: os.mkdir("/work/swapping")
while not os.path.exists("/work/swapping"): pass
os._exit(0)`;
      await manager.executeCode("1");
      await expect.poll(() => footprint().cgroups.filter((path) => path.includes("-sandbox-"))).toEqual([]);
      const rest = footprint();
      for (let round = 0; round < 15; round++) {
        const result = await manager.executeCode(code);
        expect(result.verdict, result.error?.message).toBe("ok");
        expect(canary.shows(result)).toBe(false);
        for (const { name, bytes } of result.artifacts) {
          expect(name).toMatch(/^(?:file(?:\.new)?|folder\/secret|aside\/secret)$/);
          expect(["", "own"], name).toContain(Buffer.from(bytes).toString());
        }
        for (const { reason } of result.artifactsOmitted) expect(reason).toBe("it is a symbolic link");
      }
      // What the code left behind is dead by now; what held it is given back in a moment.
      const left = () => {
        const now = footprint();
        return { ...now, processes: now.processes.length };
      };
      await expect.poll(left, { timeout: 10_000 }).toEqual({ ...rest, processes: rest.processes.length });
    });
  },
);

describe.runIf(present("linux", "bubblewrap", "util-linux", "python"))(
  "packages that would run something (S28)",
  () => {
    test("run nothing on the host, when they are looked for and when they are used", async () => {
      const folder = mkdtempSync(join(tmpdir(), "hooks-"));
      const marker = join(folder, "ran");
      const write = (path: string, text: string) => {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      };
      const trap = `open(${JSON.stringify(marker)}, "a").write("python")`;
      for (const name of ["setup.py", "sitecustomize.py", "conftest.py"]) write(`site-packages/${name}`, `${trap}\n`);
      write("site-packages/trap.pth", `import os; ${trap}\n`);
      write("site-packages/trap/__init__.py", `value = 7\ntry: ${trap}\nexcept OSError: pass\n`);
      write("site-packages/trap-1.0.dist-info/METADATA", "Name: trap\nVersion: 1.0\n\n");
      write(
        "site-packages/trap-1.0.dist-info/RECORD",
        "trap/__init__.py,,\ntrap.pth,,\nsetup.py,,\ntrap-1.0.dist-info/METADATA,,\n",
      );
      write("site-packages/trap-1.0.dist-info/entry_points.txt", "[distutils.commands]\nbuild = trap:value\n");
      const scripts = Object.fromEntries(
        ["preinstall", "install", "postinstall", "prepare"].map((hook) => [hook, `echo npm >> ${marker}`]),
      );
      write(
        "node_modules/trap/package.json",
        JSON.stringify({ name: "trap", version: "1.0.0", main: "main.js", scripts }),
      );
      write("node_modules/trap/main.js", "module.exports = 7;");
      write("node_modules/trap/binding.gyp", "{}");
      chmodSync(folder, 0o755);
      const packageFolders = [join(folder, "site-packages"), join(folder, "node_modules")];
      try {
        for (const warm of [false, true]) {
          await using executor = new SandboxExecutor({
            ...lenient,
            packageFolders,
            allowedPackages: ["trap"],
            warm,
            timeLimit: 60,
          });
          expect(await executor.executeCode("import trap\nresult = trap.value")).toMatchObject({ value: 7 });
          const used = await executor.executeCode("const result = require('trap')", { language: "javascript" });
          expect(used).toMatchObject({ value: 7 });
        }
        expect(existsSync(marker)).toBe(false);
        // And what is not installed is not installed for anybody.
        await using missing = new SandboxExecutor({
          ...lenient,
          packageFolders,
          allowedPackages: ["not-there-at-all"],
        });
        await expect(missing.executeCode(trap)).rejects.toMatchObject({ code: "PACKAGE_NOT_FOUND" });
        expect(existsSync(marker)).toBe(false);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  },
);

describe.runIf(present("linux", "bubblewrap", "util-linux", "python"))("a host that lacks a wall (S30)", () => {
  const refusalOf = async (config: ConstructorParameters<typeof SandboxExecutor>[0]) => {
    await using executor = new SandboxExecutor(config);
    return executor.executeCode("open('/work/ran', 'w')").then(
      ({ verdict }) => verdict,
      (error: unknown) => error,
    );
  };

  test("no daemon: refused by name, with the remedy", async () => {
    const refusal = await refusalOf({ runtime: "docker", docker: { host: "unix:///nowhere/docker.sock" } });
    expect(refusal).toMatchObject({
      code: "SANDBOX_FAILURE",
      message: expect.stringContaining("/nowhere/docker.sock"),
    });
  });

  test("no image of a virtual machine: refused by name, with the remedy", async () => {
    const refusal = await refusalOf({ runtime: "vm", vm: { accelerator: "software", image: "not-there" } });
    expect(refusal).toMatchObject({ code: "SANDBOX_FAILURE", message: expect.stringMatching(/images build/) });
  });

  test.skipIf(existsSync("/dev/kvm"))(
    "no KVM: a wall of hardware is refused, and nothing weaker is taken",
    async () => {
      const refusal = await refusalOf({ minIsolation: "hardware" });
      expect(refusal).toBeInstanceOf(UnsupportedLimitError);
      expect(refusal).toMatchObject({
        limit: "minIsolation",
        reason: expect.stringContaining('"hardware" was asked for'),
      });
      expect((refusal as UnsupportedLimitError).remedy).not.toBe("");
    },
  );

  test("no user namespaces: the process backend says that it is not available, and runs nothing", () => {
    const script = `import { SandboxExecutor } from ${JSON.stringify(join(root, "dist/sandbox.js"))};
const executor = new SandboxExecutor({ runtime: "process" });
await executor.executeCode("print('RAN')").then(({ output }) => console.log(output), ({ code, message }) => console.log(code, message));
await executor.close();`;
    // Its own root, in a user namespace that may make no other namespace of any kind.
    const none = ["user", "mnt", "pid", "net"].map((kind) => `echo 0 >/proc/sys/user/max_${kind}_namespaces`);
    const said = execFileSync(
      "unshare",
      [
        "--user",
        "--map-root-user",
        "--",
        "/bin/sh",
        "-c",
        `${none.join(" && ")}; exec "$@"`,
        "sh",
        process.execPath,
        "--input-type=module",
        "-e",
        script,
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], cwd: root },
    );
    expect(said).toMatch(/^SANDBOX_FAILURE .*(?:namespace|unshare|No space left|Operation not permitted)/s);
    expect(said).not.toContain("RAN");
  });
});
