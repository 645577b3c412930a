/**
 * Makes an image for sandboxes from a list of packages: of what is installed on this machine, which needs no registry and no
 * network, or on top of an image that the daemon has or can pull.
 *
 *     this machine:   files of dpkg's lists -> staging folder -> tar -> import
 *     from an image:  FROM, apt-get install, pip install -> build
 */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { InvalidOptionError, OrchestratorError, type Problem } from "../../../../model/error.js";
import { defaultDockerImageName } from "../../../docker-options.js";
import { rootClosure, stageRoot } from "../../vm/image/build-image.js";
import { hasDpkg } from "../../vm/image/debian-closure.js";
import { DaemonError, DockerClient } from "../client/client.js";
import { makeTar } from "../client/tar.js";

export interface BuildDockerImageOptions {
  /** Name of the image, with a tag if there is to be one. Default `"orchestrator-sandbox"`. */
  readonly name?: string;
  /** Image to build on, of Debian or a relative. Default: none, and what is installed on this machine is copied. */
  readonly from?: string;
  /** Debian packages; without `from`, besides the usual ones, and they must be installed on this machine. */
  readonly packages?: readonly string[];
  /** Requirements of pip; with `from` alone. */
  readonly pip?: readonly string[];
  /** Absolute paths of files and folders of this machine that are copied as they are; without `from` alone. */
  readonly include?: readonly string[];
  /** The daemon, as `docker.host` of a configuration. */
  readonly host?: string;
  readonly onProgress?: (message: string) => void;
}

export interface DockerImage {
  readonly name: string;
  readonly id: string;
}

/**
 * @throws InvalidOptionError for names and paths that are none.
 * @throws OrchestratorError `SANDBOX_FAILURE` where no daemon answers or the build fails, `PACKAGE_NOT_FOUND` for a
 *   package that is not installed here.
 */
export async function buildDockerImage(options: BuildDockerImageOptions = {}): Promise<DockerImage> {
  const { name = defaultDockerImageName, onProgress = () => {} } = options;
  checkOptions(name, options);
  const client = await DockerClient.open(options.host);
  try {
    await client.info();
    if (options.from === undefined) await importThisMachine(client, name, options, onProgress);
    else await buildUpon(client, name, options.from, options, onProgress);
    const made = await client.inspectImage(name);
    if (made === undefined) throw new OrchestratorError("SANDBOX_FAILURE", `the daemon has not kept the image ${name}`);
    return { name, id: made.Id };
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error;
    throw new OrchestratorError("SANDBOX_FAILURE", `the image ${name} could not be built: ${error.message}`, {
      cause: error,
    });
  } finally {
    client.close();
  }
}

function checkOptions(name: string, { from, packages = [], pip = [], include = [] }: BuildDockerImageOptions): void {
  const problems: Problem[] = [];
  const report = (where: string, message: string) => problems.push({ where, message });
  const imageName = /^[a-z0-9][a-z0-9._/:-]{0,200}$/;
  for (const [where, given] of Object.entries({ name, from }))
    if (given !== undefined && !imageName.test(given))
      report(where, `takes the name of an image, got ${JSON.stringify(given)}`);
  for (const given of packages)
    if (!/^[a-z0-9][a-z0-9+.-]+$/.test(given)) report("package", `takes Debian packages, got ${JSON.stringify(given)}`);
  for (const given of pip)
    if (!/^[A-Za-z0-9][A-Za-z0-9._[\],<>=!~ -]*$/.test(given))
      report("pip", `takes requirements without URLs, got ${JSON.stringify(given)}`);
  for (const path of include)
    if (!isAbsolute(path) || !existsSync(path))
      report("include", `takes absolute paths that exist, got ${JSON.stringify(path)}`);
  if (from === undefined && pip.length > 0) report("pip", "needs an image to install into: name one with from");
  if (from !== undefined && include.length > 0) report("include", "is for images of this machine, without from");
  if (problems.length > 0) throw new InvalidOptionError(problems);
}

async function importThisMachine(
  client: DockerClient,
  name: string,
  { packages = [], include = [] }: BuildDockerImageOptions,
  onProgress: (message: string) => void,
): Promise<void> {
  if (process.platform !== "linux" || !hasDpkg())
    throw new OrchestratorError(
      "SANDBOX_FAILURE",
      "images of this machine's own packages are made on Debian and its relatives; elsewhere build on an image: --from python:3.12-slim-bookworm --pip numpy pandas",
    );
  const building = mkdtempSync(join(tmpdir(), "orchestrator-build-"));
  try {
    const root = join(building, "root");
    const closure = rootClosure(packages);
    await stageRoot(root, closure, include, onProgress);
    keepRecords(root, closure.versions.keys());
    onProgress("handing it to the daemon");
    const archive = spawn("tar", ["-C", root, "--owner=0", "--group=0", "--numeric-owner", "-c", "."], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await Promise.all([client.importImage(name, archive.stdout, []), successOf(archive)]);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

/** What dpkg knows of the packages, which views of them are made by. */
function keepRecords(root: string, names: Iterable<string>): void {
  const info = "var/lib/dpkg/info";
  mkdirSync(join(root, info), { recursive: true });
  cpSync("/var/lib/dpkg/status", join(root, "var/lib/dpkg/status"));
  for (const name of names) {
    const list = [`${name}.list`, `${name}:${debianArchitecture}.list`].find((file) => existsSync(`/${info}/${file}`));
    if (list !== undefined) cpSync(`/${info}/${list}`, join(root, info, list));
  }
}

const debianArchitecture = process.arch === "arm64" ? "arm64" : "amd64";

function successOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`tar ended with exit code ${code}`))));
  });
}

async function buildUpon(
  client: DockerClient,
  name: string,
  from: string,
  { packages = [], pip = [] }: BuildDockerImageOptions,
  onProgress: (message: string) => void,
): Promise<void> {
  const apt = `apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${packages.join(" ")} && rm -rf /var/lib/apt/lists/*`;
  const dockerfile = [
    `FROM ${from}`,
    "USER 0:0",
    ...(packages.length === 0 ? [] : [`RUN ${apt}`]),
    ...(pip.length === 0
      ? []
      : [`RUN ${JSON.stringify(["python3", "-m", "pip", "install", "--no-cache-dir", ...pip])}`]),
    "",
  ].join("\n");
  onProgress(`building on ${from}`);
  await client.buildImage(name, makeTar([{ name: "Dockerfile", content: dockerfile }]), {}, onProgress);
}
