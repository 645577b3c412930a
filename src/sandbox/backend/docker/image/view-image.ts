/**
 * Views of packages as images. An image of the caller's has every package that was ever installed in it; a view of it is
 * the same image without those that are not allowed, and with the drivers: made once by the daemon, from the plan that the
 * resolver of packages has made, and kept for as long as it is used.
 *
 *     image -> (inspect) skeleton -> (resolve) view -> (a container: copy, prune) image of the view -> containers
 *
 * Removing takes next to nothing: the daemon's layers note what is gone. A view is named by what it is made of, so that
 * all supervisors of a daemon share it.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { OrchestratorError } from "../../../../model/error.js";
import type { Language } from "../../../language.js";
import type { PackageView } from "../../../packages/view.js";
import { lockFileName, lockScript } from "../../process/cold/lock-script.js";
import { warmingOf } from "../../process/warm/make-plan.js";
import { DaemonError, type DockerClient, type ImageDetails } from "../client/client.js";
import { makeTar, type TarEntry } from "../client/tar.js";
import type { ContainerSpec } from "../container-spec.js";
import { ownLabels, viewLabel } from "../labels.js";
import { runToEnd } from "../run/run-to-end.js";
import type { ImageFacts } from "./inspect-image.js";

const asset = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");
const pruner = "../agent/prune.pl";
const repository = "orchestrator-executor-view";

export interface ViewImage {
  /** What containers are made of. */
  readonly id: string;
  /** Names of the variables that it would set by itself. */
  readonly variables: readonly string[];
  /** Folders that its containers would get a volume for: a place on the daemon's disk without a limit. */
  readonly volumes: readonly string[];
}

export interface ViewRequest {
  readonly image: { readonly id: string; readonly name: string };
  readonly facts: ImageFacts;
  readonly language: Language;
  /** `undefined` for a language without packages. */
  readonly view: PackageView | undefined;
}

/** Finds the image of a view, or has it made. */
export async function provideViewImage(client: DockerClient, request: ViewRequest): Promise<ViewImage> {
  const files = driverFiles(request.language, request.view);
  const plan = prunePlan(request.facts, request.view);
  const shape = [request.image.id, plan, asset(pruner), files.map(({ name, content }) => [name, content])];
  const key = createHash("sha256").update(JSON.stringify(shape)).digest("hex").slice(0, 32);
  const name = `${repository}:${key}`;
  const found = (await client.inspectImage(name)) ?? (await build(client, name, key, request, files, plan));
  const { Env, Volumes } = found.Config ?? {};
  const variables = (Env ?? []).map((variable) => variable.split("=", 1)[0]!);
  return { id: found.Id, variables, volumes: Object.keys(Volumes ?? {}).sort() };
}

async function build(
  client: DockerClient,
  name: string,
  key: string,
  { image }: ViewRequest,
  files: readonly TarEntry[],
  plan: string,
): Promise<ImageDetails> {
  const spec: ContainerSpec = {
    Image: image.id,
    Entrypoint: ["/usr/bin/perl", "/run/build/prune.pl", "/run/build/plan"],
    Cmd: [],
    User: "0:0",
    WorkingDir: "/",
    Labels: ownLabels(),
    AttachStdout: true,
    AttachStderr: true,
    Healthcheck: { Test: ["NONE"] },
    HostConfig: { NetworkMode: "none", LogConfig: { Type: "none", Config: {} } },
  };
  const archive = makeTar([
    ...files,
    { name: "build/prune.pl", content: asset(pruner) },
    { name: "build/plan", content: plan },
  ]);
  const failed = (why: string, cause?: unknown) =>
    new OrchestratorError(
      "SANDBOX_FAILURE",
      `no view of the packages of the image ${image.name} could be made: ${why}`,
      {
        cause,
      },
    );
  try {
    const { exitCode, complaints } = await runToEnd(client, spec, {
      before: (id) => client.putArchive(id, "/run", archive),
      after: (id) => client.commitContainer(id, name, ["ENTRYPOINT []", "CMD []", `LABEL ${viewLabel}=${key}`]),
    });
    if (exitCode !== 0) {
      await client.removeImage(name);
      throw failed(`it ended with exit code ${exitCode}: ${complaints.slice(-1000)}`);
    }
  } catch (error) {
    if (error instanceof DaemonError) throw failed(error.message, error);
    throw error;
  }
  const built = await client.inspectImage(name);
  if (built === undefined) throw failed(`the daemon has not kept ${name}`);
  return built;
}

function driverFiles(language: Language, view: PackageView | undefined): TarEntry[] {
  const file = (name: string, content: string): TarEntry => ({ name: `driver/${name}`, content });
  const common = [
    file("agent.pl", asset("../agent/agent.pl")),
    file("relay.pl", asset("../agent/relay.pl")),
    file(lockFileName, lockScript),
    ...Object.entries(language.driverFiles).map(([name, content]) => file(name, content)),
  ];
  if (language.name !== "python") return common;
  const plan = { ...warmingOf(view?.importNames ?? []), driver: "/run/driver/driver.py" };
  return [
    ...common,
    file("warm.py", asset("../../process/warm/server/warm.py")),
    file("warm/warming.py", asset("../../process/warm/server/warming.py")),
    file("warm/plan.json", JSON.stringify(plan)),
  ];
}

/** See agent/prune.pl. Binds are of the skeleton; in the image they are below the image's own root. */
function prunePlan({ skeleton, packageFolders }: ImageFacts, view: PackageView | undefined): string {
  const lines: string[] = [];
  const inImage = (path: string) => (path.startsWith(`${skeleton}/`) ? path.slice(skeleton.length) : path);
  for (const bind of view?.binds ?? []) {
    const [source, target] = [inImage(bind.source), inImage(bind.target)];
    if (source !== target) lines.push(`copy ${source}\t${target}`);
    lines.push(`keep ${target}`);
  }
  // What Debian's Node is made of lies among Debian's packages of JavaScript.
  const roots = packageFolders.filter((folder) => folder !== "/usr/share/nodejs");
  return [...lines, ...roots.map((root) => `root ${root}`), ""].join("\n");
}
