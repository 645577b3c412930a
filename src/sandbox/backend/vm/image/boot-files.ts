/**
 * What a guest boots with besides its disk: a distribution's cloud kernel with a few of its modules, and busybox. All
 * come out of Debian's packages, which are downloaded and unpacked, not installed.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { OrchestratorError } from "../../../../model/error.js";

const run = promisify(execFile);

/** What a disk and the line to the agent need; what these need in turn is read from the modules themselves. */
const wantedModules = ["virtio_pci", "virtio_blk", "virtio_console"];

export interface BootFiles {
  readonly kernelVersion: string;
  /** Names of the modules below `modules/`, in the order in which they are loaded. */
  readonly modules: readonly string[];
}

/** Lays `vmlinuz`, `busybox` and `modules/` into `target`. `scratch` is an empty folder for what is unpacked. */
export async function fetchBootFiles(target: string, scratch: string): Promise<BootFiles> {
  const kernel = await kernelPackage();
  await download([kernel, "busybox-static"], scratch);
  const unpacked = join(scratch, "unpacked");
  for (const file of readdirSync(scratch).filter((name) => name.endsWith(".deb")))
    await run("dpkg-deb", ["-x", join(scratch, file), unpacked]);
  const image = readdirSync(join(unpacked, "boot")).find((name) => name.startsWith("vmlinuz-"));
  if (image === undefined) throw new OrchestratorError("SANDBOX_FAILURE", `the package ${kernel} holds no kernel`);
  const kernelVersion = image.slice("vmlinuz-".length);
  cpSync(join(unpacked, "boot", image), join(target, "vmlinuz"));
  cpSync(join(unpacked, "bin/busybox"), join(target, "busybox"));
  const modules = await layModules(join(unpacked, "lib/modules", kernelVersion), join(target, "modules"));
  return { kernelVersion, modules };
}

/** The meta package names the one that holds the kernel. */
async function kernelPackage(): Promise<string> {
  const { stdout } = await run("apt-cache", ["show", "--no-all-versions", "linux-image-cloud-amd64"]).catch(
    (error: Error) => {
      throw new OrchestratorError(
        "SANDBOX_FAILURE",
        `Debian's package of a cloud kernel cannot be found: ${error.message}`,
        { cause: error },
      );
    },
  );
  const found = /^Depends:.*?\b(linux-image-\S+-cloud-amd64)/m.exec(stdout)?.[1];
  if (found !== undefined) return found;
  throw new OrchestratorError(
    "SANDBOX_FAILURE",
    "the package linux-image-cloud-amd64 names no kernel; run apt-get update",
  );
}

async function download(packages: readonly string[], folder: string): Promise<void> {
  try {
    await run("apt-get", ["download", "-qq", ...packages], { cwd: folder, timeout: 300_000 });
  } catch (error) {
    const message = `failed to download ${packages.join(" and ")} from Debian; run apt-get update: ${(error as Error).message}`;
    throw new OrchestratorError("SANDBOX_FAILURE", message, { cause: error });
  }
}

async function layModules(source: string, target: string): Promise<string[]> {
  const paths = new Map<string, string>();
  for (const entry of readdirSync(source, { recursive: true, encoding: "utf8" })) {
    const match = /^(.*)\.ko(?:\.xz)?$/.exec(basename(entry));
    if (match !== null) paths.set(match[1]!.replaceAll("-", "_"), join(source, entry));
  }
  mkdirSync(target);
  const laid: string[] = [];
  const lay = async (name: string): Promise<void> => {
    const path = paths.get(name);
    if (path === undefined || laid.includes(name)) return; // Built into the kernel, or there already.
    const content = await readModule(path);
    for (const needed of dependenciesOf(content)) await lay(needed);
    writeFileSync(join(target, `${name}.ko`), content);
    laid.push(name);
  };
  for (const name of wantedModules) await lay(name);
  return laid;
}

async function readModule(path: string): Promise<Buffer> {
  if (!path.endsWith(".xz")) return readFileSync(path);
  const { stdout } = await run("xz", ["-dc", path], { encoding: "buffer", maxBuffer: 64 * 2 ** 20 });
  return stdout;
}

/** The module says so itself, as `depends=a,b` in its section of texts. */
function dependenciesOf(module: Buffer): string[] {
  const start = module.indexOf("\0depends=", 0, "latin1");
  if (start < 0) return [];
  const text = module.toString("latin1", start + "\0depends=".length, module.indexOf(0, start + 1));
  return text.split(",").flatMap((name) => (name === "" ? [] : [name.replaceAll("-", "_")]));
}
