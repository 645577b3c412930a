/**
 * The Engine API over its socket, by way of docker-modem, which is loaded when the first daemon is asked. It is an
 * optional peer of this package: whoever makes no containers does without it.
 */
import { Agent } from "node:http";
import { Agent as SecureAgent } from "node:https";
import type { Duplex, Readable } from "node:stream";
import { OrchestratorError } from "../../../../model/error.js";
import type { ContainerSpec } from "../container-spec.js";
import { type Endpoint, findEndpoint } from "./endpoint.js";

/** A daemon that answered, and did not do it. */
export class DaemonError extends Error {
  /** Status of the answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "DaemonError";
    this.status = status;
  }
}

export interface DaemonInfo {
  /** Podman answers in Docker's words, and takes some of them differently. */
  readonly engine: "docker" | "podman";
  readonly ServerVersion: string;
  readonly OSType: string;
  readonly Architecture: string;
  readonly KernelVersion: string;
  readonly MemoryLimit?: boolean;
  readonly SwapLimit?: boolean;
  readonly CpuCfsQuota?: boolean;
  readonly PidsLimit?: boolean;
  readonly CgroupVersion?: string;
  readonly SecurityOptions?: readonly string[] | null;
  readonly Runtimes?: Readonly<Record<string, { readonly path?: string }>> | null;
  readonly DefaultRuntime?: string;
}

export interface ContainerSummary {
  readonly Id: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly State: string;
  /** Seconds since 1970. */
  readonly Created: number;
}

export interface ImageDetails {
  readonly Id: string;
  readonly Config?: {
    readonly Env?: readonly string[] | null;
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly Volumes?: Readonly<Record<string, unknown>> | null;
  } | null;
}

export interface ImageSummary {
  readonly Id: string;
  readonly Created: number;
  readonly RepoTags?: readonly string[] | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

interface ModemCall {
  readonly path: string;
  readonly method: string;
  readonly statusCodes: Readonly<Record<number, true | string>>;
  readonly options?: { readonly _query?: object; readonly _body?: object };
  readonly file?: Buffer | Readable;
  readonly isStream?: boolean;
  readonly hijack?: boolean;
  readonly abortSignal?: AbortSignal;
}

/** As much of docker-modem as is used here. */
interface Modem {
  dial(call: ModemCall, callback: (error: (Error & { statusCode?: number }) | null, answer: unknown) => void): void;
}

interface DaemonVersion {
  readonly Components?: readonly { readonly Name: string }[] | null;
}

const succeeded = { 200: true, 201: true, 204: true, 304: true } as const;
/** A daemon under load takes its time to make a container; one that hangs is not waited for. */
const usualPatienceMs = 60_000;
/** What is asked of it first costs it nothing. */
const greetingPatienceMs = 20_000;

export class DockerClient {
  readonly endpoint: Endpoint;
  readonly #modem: Modem;
  readonly #agent: Agent;

  private constructor(endpoint: Endpoint, modem: Modem, agent: Agent) {
    this.endpoint = endpoint;
    this.#modem = modem;
    this.#agent = agent;
  }

  /** @throws OrchestratorError `SANDBOX_FAILURE` where no daemon can be named, or docker-modem is not installed. */
  static async open(host: string | undefined): Promise<DockerClient> {
    const endpoint = findEndpoint(host);
    const Modem = await loadModem();
    // A connection for each call: to a local socket it costs nothing, and none outlives a daemon that was restarted.
    const agent =
      endpoint.options.protocol === "https" ? new SecureAgent({ keepAlive: false }) : new Agent({ keepAlive: false });
    return new DockerClient(endpoint, new Modem({ ...endpoint.options, agent }), agent);
  }

  /** @throws OrchestratorError `SANDBOX_FAILURE` where nothing answers, or something else than a daemon. */
  async info(): Promise<DaemonInfo> {
    let said = "";
    try {
      const [info, version] = await Promise.all([
        this.#call<Partial<DaemonInfo>>("GET", "/info", { patienceMs: greetingPatienceMs }),
        this.#call<DaemonVersion>("GET", "/version", { patienceMs: greetingPatienceMs }),
      ]);
      const isPodman = version?.Components?.some(({ Name }) => Name === "Podman Engine") ?? false;
      if (typeof info?.OSType === "string" && typeof info.ServerVersion === "string")
        return { ...(info as DaemonInfo), engine: isPodman ? "podman" : "docker" };
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error;
      said = ` (it answered ${`${error.status} ${error.message}`.trim()})`;
    }
    throw new OrchestratorError(
      "SANDBOX_FAILURE",
      `what answers at ${this.endpoint.name} is no Docker daemon${said}; name one with docker.host or DOCKER_HOST`,
    );
  }

  async createContainer(name: string, spec: ContainerSpec): Promise<string> {
    const { Id } = await this.#call<{ Id: string }>("POST", "/containers/create", { query: { name }, body: spec });
    return Id;
  }

  /** Standard input one way, standard output and error the other, as the daemon multiplexes them. */
  async attach(id: string): Promise<Duplex> {
    const query = { stream: 1, stdin: 1, stdout: 1, stderr: 1 };
    // A body of no bytes: the end of a chunked one would be taken for input of the container.
    const call = { hijack: true, isStream: true, file: Buffer.alloc(0) };
    return this.#dial<Duplex>("POST", `/containers/${id}/attach`, { query, ...call });
  }

  async startContainer(id: string): Promise<void> {
    await this.#call("POST", `/containers/${id}/start`);
  }

  /** Its exit code, once it has ended. */
  async waitContainer(id: string): Promise<number> {
    return (await this.#call<{ StatusCode: number }>("POST", `/containers/${id}/wait`)).StatusCode;
  }

  async updateContainer(id: string, body: object): Promise<void> {
    await this.#call("POST", `/containers/${id}/update`, { body });
  }

  async killContainer(id: string): Promise<void> {
    await this.#call("POST", `/containers/${id}/kill`, { query: { signal: "SIGKILL" } });
  }

  /** Kills it first, if need be. One that is gone already is no error. */
  async removeContainer(id: string): Promise<void> {
    try {
      await this.#call("DELETE", `/containers/${id}`, { query: { force: 1, v: 1 } });
    } catch (error) {
      // 409: somebody else is removing it.
      if (!(error instanceof DaemonError && (error.status === 404 || error.status === 409))) throw error;
    }
  }

  inspectContainer(id: string): Promise<{
    readonly State: {
      readonly OOMKilled?: boolean;
      readonly Running?: boolean;
      readonly ExitCode?: number;
      readonly Error?: string;
    };
  }> {
    return this.#call("GET", `/containers/${id}/json`);
  }

  listContainers(label: string): Promise<readonly ContainerSummary[]> {
    return this.#call("GET", "/containers/json", { query: { all: 1, filters: JSON.stringify({ label: [label] }) } });
  }

  async inspectImage(name: string): Promise<ImageDetails | undefined> {
    try {
      return await this.#call<ImageDetails>("GET", `/images/${name}/json`);
    } catch (error) {
      if (error instanceof DaemonError && error.status === 404) return undefined;
      throw error;
    }
  }

  listImages(label: string): Promise<readonly ImageSummary[]> {
    return this.#call("GET", "/images/json", { query: { filters: JSON.stringify({ label: [label] }) } });
  }

  async removeImage(name: string): Promise<void> {
    await this.#call("DELETE", `/images/${name}`);
  }

  /** @throws DaemonError with what the registry, or the daemon, said. */
  async pullImage(name: string): Promise<void> {
    const hasTag = /[:@][^/]+$/.test(name);
    const query = { fromImage: hasTag ? name : `${name}:latest` };
    await this.#follow(await this.#dial("POST", "/images/create", { query, body: {}, isStream: true }));
  }

  /** Makes an image of a tar archive of a whole root. */
  async importImage(name: string, root: Readable, changes: readonly string[]): Promise<void> {
    const [repo, tag] = splitTag(name);
    const query = { fromSrc: "-", repo, tag, changes };
    await this.#follow(await this.#dial("POST", "/images/create", { query, file: root, isStream: true }));
  }

  /** Lays the files of a tar archive below a folder of a container that is not read-only. */
  async putArchive(id: string, folder: string, archive: Buffer): Promise<void> {
    await this.#dial("PUT", `/containers/${id}/archive`, { query: { path: folder }, file: archive });
  }

  /** Makes an image of what a container has become. */
  async commitContainer(id: string, name: string, changes: readonly string[]): Promise<void> {
    const [repo, tag] = splitTag(name);
    await this.#dial("POST", "/commit", { query: { container: id, repo, tag, pause: 0, changes }, body: {} });
  }

  /** @param context a tar archive with a Dockerfile. */
  async buildImage(
    name: string,
    context: Buffer | Readable,
    query: object = {},
    onLine: (text: string) => void = () => {},
  ): Promise<void> {
    const answer = await this.#dial<Readable>("POST", "/build", {
      query: { t: name, rm: 1, forcerm: 1, ...query },
      file: context,
      isStream: true,
    });
    await this.#follow(answer, onLine);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Progress comes as lines of JSON, and so does failure, with a status that said all is well. */
  async #follow(answer: Readable, onLine: (text: string) => void = () => {}): Promise<void> {
    let pending = "";
    let failure: string | undefined;
    const hear = (line: string) => {
      try {
        const { error, stream, status } = JSON.parse(line) as { error?: string; stream?: string; status?: string };
        if (error !== undefined) failure = error;
        const text = (stream ?? status ?? "").trim();
        if (text !== "") onLine(text);
      } catch {
        // Not a line of JSON: an empty one, or a proxy's.
      }
    };
    answer.setEncoding("utf8");
    for await (const chunk of answer) {
      const lines = (pending + (chunk as string)).split("\n");
      pending = lines.pop()!.slice(-1_000_000);
      for (const line of lines) hear(line);
    }
    hear(pending);
    if (failure !== undefined) throw new DaemonError(500, failure);
  }

  async #call<Answer>(
    method: string,
    path: string,
    {
      patienceMs = usualPatienceMs,
      ...rest
    }: { readonly query?: object; readonly body?: object; readonly patienceMs?: number } = {},
  ): Promise<Answer> {
    return this.#dial<Answer>(method, path, { ...rest, abortSignal: AbortSignal.timeout(patienceMs) });
  }

  #dial<Answer>(
    method: string,
    path: string,
    { query, body, ...rest }: { readonly query?: object; readonly body?: object } & Partial<ModemCall>,
  ): Promise<Answer> {
    const call: ModemCall = {
      method,
      path: query === undefined ? path : `${path}?`,
      statusCodes: succeeded,
      options: { _query: query ?? {}, _body: body ?? {} },
      ...rest,
    };
    return new Promise((resolve, reject) => {
      this.#modem.dial(call, (error, answer) => {
        if (error === null) resolve(answer as Answer);
        else reject(this.#describe(error));
      });
    });
  }

  #describe(error: Error & { statusCode?: number; json?: unknown; code?: string }): Error {
    if (error.statusCode !== undefined) {
      const said = (error.json as { message?: unknown } | undefined)?.message;
      // docker-modem sets a prefix of its own before what a stream of JSON would have said.
      const words = typeof said === "string" ? said : error.message.replace(/^\(HTTP code \d+\)[^-]*- /, "");
      return new DaemonError(error.statusCode, shortened(words.trim()));
    }
    const { name } = this.endpoint;
    const why = error.name === "AbortError" || error.code === "ABORT_ERR" ? "it took too long" : error.message;
    const isMissing = error.code === "ENOENT" || error.code === "ECONNREFUSED";
    const advice = isMissing
      ? "start it, or name another with docker.host"
      : error.code === "EACCES"
        ? "join the group docker (usermod -aG docker USER), or use rootless Docker"
        : "look at the daemon's log";
    return new OrchestratorError("SANDBOX_FAILURE", `the Docker daemon at ${name} did not answer: ${why}; ${advice}`, {
      cause: error,
    });
  }
}

/** A daemon may repeat all that it was told. */
function shortened(words: string): string {
  return words.length <= longestWords
    ? words
    : `${words.slice(0, longestWords / 2)} ... ${words.slice(-longestWords / 2)}`;
}

const longestWords = 1000;

/** `"name:tag"` in its parts; a colon of a registry's port is none of a tag. */
export function splitTag(name: string): [name: string, tag: string] {
  const match = /^(.*):([^/:]+)$/.exec(name);
  return match === null ? [name, "latest"] : [match[1]!, match[2]!];
}

async function loadModem(): Promise<new (options: object) => Modem> {
  try {
    return (await import("docker-modem")).default as unknown as new (
      options: object,
    ) => Modem;
  } catch (cause) {
    throw new OrchestratorError(
      "SANDBOX_FAILURE",
      "containers need the package docker-modem, which speaks to the daemon and is not installed; install it: npm install docker-modem",
      { cause },
    );
  }
}
