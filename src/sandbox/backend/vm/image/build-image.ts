/**
 * Builds the image of a guest: a read-only root disk with this host's own interpreters and libraries, and a kernel of
 * Debian's. No mount and no right of root is needed: the files are copied into a folder, and `mke2fs -d` makes the
 * disk of it.
 *
 *     packages -> files of dpkg's lists -> staging folder -> disk.img
 *     linux-image-cloud, busybox (downloaded, unpacked)   -> vmlinuz, modules/, busybox
 *
 * An image is built beside its place and moved there, so that a build that was stopped leaves the old one as it was.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import { InvalidOptionError, OrchestratorError } from "../../../../model/error.js";
import { languageNamed, languageNames } from "../../../language.js";
import "../../../language/index.js";
import { hiddenPackageFolders, interpreterOf } from "../../process/make-recipe.js";
import { fillEtc } from "../../process/supervisor-folder.js";
import { fetchBootFiles } from "./boot-files.js";
import { type DebianClosure, debianClosure, hasDpkg } from "./debian-closure.js";
import {
  defaultImageName,
  findImage,
  imageFolder,
  imageFormat,
  type VmImage,
  type VmImageDescription,
  vmFolder,
} from "./image-store.js";

const run = promisify(execFile);

/** What is on a disk when nobody says anything else, as far as it is installed here. */
export const usualPackages = [
  ...["python3", "python3-numpy", "python3-pandas", "python3-matplotlib", "python3-requests", "python3-packaging"],
  ...["nodejs", "bash", "coreutils", "findutils", "grep", "sed", "mawk", "procps", "e2fsprogs", "tzdata"],
  ...["ca-certificates", "curl", "util-linux", "python3-setuptools"],
];

export interface BuildVmImageOptions {
  /** Name of the image. Default `"default"`. */
  readonly name?: string;
  /** Debian packages besides the usual ones, with all that they depend on; they must be installed on this host. */
  readonly packages?: readonly string[];
  /** Absolute paths of files and folders that are copied as they are: virtual environments, `node_modules`. */
  readonly include?: readonly string[];
  /** Told what is being done. */
  readonly onProgress?: (message: string) => void;
}

const toolRemedies: Readonly<Record<string, string>> = {
  "/usr/sbin/mke2fs": "e2fsprogs",
  "/usr/bin/apt-get": "apt",
  "/usr/bin/dpkg-deb": "dpkg",
  "/bin/tar": "tar",
};

const folders = ["proc", "sys", "dev", "run", "tmp", "work", "var", "root", "oldroot", "newroot"];

/**
 * Builds an image and puts it in the place of one of the same name.
 *
 * @throws InvalidOptionError for a bad name or path.
 * @throws OrchestratorError `SANDBOX_FAILURE` where a tool or a download is missing, `PACKAGE_NOT_FOUND` for a package
 *   that is not installed here.
 */
export async function buildVmImage(options: BuildVmImageOptions = {}): Promise<VmImage> {
  const { name = defaultImageName, packages = [], include = [], onProgress = () => {} } = options;
  checkOptions(name, include);
  requireTools();
  // Before anything is downloaded: this may name a package that is not here.
  const closure = rootClosure(packages);
  const root = vmFolder();
  mkdirSync(join(root, "images"), { recursive: true, mode: 0o755 });
  const building = mkdtempSync(join(root, "images", `.building-${process.pid}-`));
  try {
    onProgress("downloading a kernel and busybox from Debian");
    const scratch = join(building, "scratch");
    const image = join(building, "image");
    for (const folder of [scratch, image]) mkdirSync(folder, { mode: 0o755 });
    const boot = await fetchBootFiles(image, scratch);
    rmSync(scratch, { recursive: true, force: true });
    const staging = join(building, "root");
    await stageRoot(staging, closure, include, onProgress);
    onProgress("making the disk");
    await makeDisk(staging, join(image, "disk.img"));
    const description: VmImageDescription = {
      format: imageFormat,
      architecture: "x64",
      ...boot,
      packages: Object.fromEntries([...closure.versions].sort()),
      include,
      digest: await digestOf(image),
    };
    writeFileSync(join(image, "image.json"), `${JSON.stringify(description, undefined, 2)}\n`);
    replace(image, imageFolder(name, root));
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  const built = findImage(name, root);
  if ("missing" in built) throw new OrchestratorError("SANDBOX_FAILURE", built.missing);
  return built;
}

function checkOptions(name: string, include: readonly string[]): void {
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name))
    throw new InvalidOptionError([
      { where: "name", message: `takes letters, digits, ".", "_" and "-", got ${JSON.stringify(name)}` },
    ]);
  for (const path of include)
    if (!isAbsolute(path) || !existsSync(path))
      throw new InvalidOptionError([
        { where: "include", message: `takes absolute paths that exist, got ${JSON.stringify(path)}` },
      ]);
}

function requireTools(): void {
  const absent = Object.keys(toolRemedies).filter((path) => !existsSync(path));
  if (process.arch !== "x64" || process.platform !== "linux" || !hasDpkg())
    throw new OrchestratorError(
      "SANDBOX_FAILURE",
      "images of virtual machines are built on Debian and its relatives, on x86-64",
    );
  if (absent.length === 0) return;
  const packages = [...new Set(absent.map((path) => toolRemedies[path]))].join(" ");
  throw new OrchestratorError(
    "SANDBOX_FAILURE",
    `${absent.join(", ")} is missing; install it: apt-get install ${packages}`,
  );
}

/** Interpreters that dpkg does not own: a Node in `/usr/local`. */
async function interpreterPaths(): Promise<string[]> {
  const found = await Promise.all(languageNames().map((name) => interpreterOf(languageNamed(name))));
  return found.flatMap((interpreter) =>
    "missing" in interpreter ? [] : interpreter.mounts.flatMap((mount) => ("source" in mount ? [mount.source] : [])),
  );
}

/** The usual packages, as far as they are installed here, and others, with all that they depend on. */
export function rootClosure(packages: readonly string[]): DebianClosure {
  const installed = usualPackages.filter((usual) => existsSync(`/var/lib/dpkg/info/${usual}.list`));
  return debianClosure([...installed, ...packages]);
}

/** Fills a folder, which is made, with a root of what is installed here. */
export async function stageRoot(
  staging: string,
  { versions, paths }: DebianClosure,
  include: readonly string[],
  onProgress: (message: string) => void,
): Promise<void> {
  const interpreters = await interpreterPaths();
  onProgress(`copying ${paths.length} files of ${versions.size} packages`);
  await stage(staging, paths, [...interpreters, ...include]);
}

async function stage(staging: string, files: readonly string[], trees: readonly string[]): Promise<void> {
  mkdirSync(staging, { mode: 0o755 });
  for (const folder of folders) mkdirSync(join(staging, folder), { mode: 0o755 });
  layTopLevel(staging);
  // Whatever a view of packages may lie over.
  for (const folder of await hiddenPackageFolders()) mkdirSync(join(staging, folder), { recursive: true, mode: 0o755 });
  await copy(staging, files, ["--no-recursion"]);
  await copy(staging, trees, []);
  rmSync(join(staging, "etc"), { recursive: true, force: true });
  mkdirSync(join(staging, "etc"), { mode: 0o755 });
  fillEtc(join(staging, "etc"));
}

async function copy(staging: string, paths: readonly string[], flags: readonly string[]): Promise<void> {
  const list = `${staging}.list`;
  // Where /bin is a link to /usr/bin, dpkg may still call a file /bin/x.
  const real = paths.map((path) => join(realpathSync(dirname(path)), basename(path)).slice(1));
  writeFileSync(list, [...new Set(real)].map((path) => `${path}\0`).join(""));
  const shell = 'list=$1 target=$2; shift 2; tar -C / --null "$@" -T "$list" -c | tar -C "$target" -x --no-same-owner';
  await run("/bin/bash", ["-o", "pipefail", "-c", shell, "copy", list, staging, ...flags], { maxBuffer: 2 ** 24 });
  rmSync(list);
}

/** The links by which old names lead into `/usr`. */
function layTopLevel(staging: string): void {
  mkdirSync(join(staging, "usr"), { mode: 0o755 });
  for (const name of ["bin", "lib", "lib32", "lib64", "sbin"]) {
    if (!existsSync(`/${name}`)) continue;
    const real = realpathSync(`/${name}`);
    if (real !== `/${name}`) symlinkSync(real.slice(1), join(staging, name));
  }
}

async function makeDisk(staging: string, disk: string): Promise<void> {
  const { stdout } = await run("du", ["-s", "--apparent-size", "--block-size=1M", staging]);
  const { stdout: count } = await run("/bin/bash", ["-c", 'find "$1" | wc -l', "count", staging]);
  const inodes = Number(count) + 1024;
  const mebibytes = Math.ceil(Number.parseInt(stdout, 10) * 1.1 + (inodes * 5) / 1024) + 32;
  const features = "^has_journal,^metadata_csum,^resize_inode,^64bit,extents,dir_index";
  const fixed = [
    "-U",
    "clear",
    "-E",
    "lazy_itable_init=0,root_owner=0:0,hash_seed=00000000-0000-0000-0000-000000000001",
  ];
  await run("/usr/sbin/mke2fs", [
    ...["-q", "-F", "-t", "ext4", "-b", "4096", "-O", features, "-N", String(inodes), "-m", "0", ...fixed],
    ...["-d", staging, disk, `${mebibytes}M`],
  ]);
}

async function digestOf(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    if (!entry.isFile()) continue;
    hash.update(entry.name);
    for await (const chunk of createReadStream(join(entry.parentPath, entry.name))) hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}

function replace(from: string, to: string): void {
  const old = `${to}.old-${process.pid}`;
  try {
    renameSync(to, old);
  } catch {
    // There was none.
  }
  renameSync(from, to);
  rmSync(old, { recursive: true, force: true });
}
