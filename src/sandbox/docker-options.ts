/** Options of the docker backend: read with the configuration, whichever backend it comes to. */
import type { Checker } from "../model/check.js";
import type { DockerSandboxOptions } from "../model/sandbox.js";

export interface ResolvedDockerOptions {
  /** `undefined`: `DOCKER_HOST`, or the first socket there is. */
  readonly host: string | undefined;
  /** The image of a language. */
  readonly imageOf: Readonly<Record<string, string>>;
  readonly pull: "missing" | "never";
  /** `undefined`: the daemon's default, or one that has a kernel of its own where that is asked for. */
  readonly runtime: string | undefined;
}

/** What `orchestrator images build --docker` makes. */
export const defaultDockerImageName = "orchestrator-sandbox";

/** Official images of a public registry, in which only the interpreter and its standard library are of use. */
export const defaultDockerImages: Readonly<Record<string, string>> = {
  python: "docker.io/library/python:3.12-slim-bookworm",
  javascript: "docker.io/library/node:22-bookworm-slim",
  bash: "docker.io/library/python:3.12-slim-bookworm",
};

const names = ["host", "image", "pull", "runtime"] as const satisfies readonly (keyof DockerSandboxOptions)[];
const imageName = /^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}$/;
const runtimeName = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;

/** Reports what is wrong to `check`, under `docker`. */
export function resolveDockerOptions(check: Checker, given: DockerSandboxOptions = {}): ResolvedDockerOptions {
  const options = check.object("docker", given, names) ? (given as Record<keyof DockerSandboxOptions, unknown>) : given;
  return {
    host: checkText(
      check,
      "docker.host",
      options.host,
      /^(?:unix:\/\/\/|tcp:\/\/|https?:\/\/)[^\0\s]+$/,
      "unix:///path or tcp://host:port",
    ),
    imageOf: checkImages(check, options.image),
    pull: check.oneOf("docker.pull", options.pull, ["missing", "never"], "missing"),
    runtime: checkText(
      check,
      "docker.runtime",
      options.runtime,
      runtimeName,
      'the name of an OCI runtime, such as "runsc"',
    ),
  };
}

function checkImages(check: Checker, image: unknown): Readonly<Record<string, string>> {
  if (image === undefined) return defaultDockerImages;
  if (typeof image === "string") {
    const name = checkText(check, "docker.image", image, imageName, "the name of an image");
    return Object.fromEntries(Object.keys(defaultDockerImages).map((language) => [language, name ?? ""]));
  }
  if (typeof image !== "object" || image === null || Array.isArray(image)) {
    check.report("docker.image", "takes the name of an image, or an object of language to image");
    return defaultDockerImages;
  }
  const images: Record<string, string> = { ...defaultDockerImages };
  for (const [language, name] of Object.entries(image))
    images[language] = checkText(check, `docker.image.${language}`, name, imageName, "the name of an image") ?? "";
  return images;
}

function checkText(check: Checker, option: string, value: unknown, pattern: RegExp, takes: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && pattern.test(value)) return value;
  check.report(option, `takes ${takes}, got ${JSON.stringify(value)}`);
  return undefined;
}
