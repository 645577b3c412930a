/** Where the daemon is: what was configured, what `DOCKER_HOST` says, or the first socket there is. */
import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { OrchestratorError } from "../../../../model/error.js";

/** In the words of docker-modem; `host: ""` keeps it from reading `DOCKER_HOST` by itself. */
export interface Endpoint {
  /** As a person reads it. */
  readonly name: string;
  /** Whether folders and sockets of this machine can be shown in its containers. */
  readonly isLocal: boolean;
  readonly options: {
    readonly host: string;
    readonly socketPath?: string;
    readonly port?: string;
    readonly protocol?: "http" | "https";
    readonly ca?: Buffer;
    readonly cert?: Buffer;
    readonly key?: Buffer;
  };
}

/** @throws OrchestratorError `SANDBOX_FAILURE` where there is none, or one of a kind that is not spoken. */
export function findEndpoint(configured: string | undefined, env: NodeJS.ProcessEnv = process.env): Endpoint {
  const given = configured ?? (env.DOCKER_HOST === "" ? undefined : env.DOCKER_HOST);
  if (given !== undefined) return endpointOf(given, env);
  const sockets = socketsToTry(env);
  const found = sockets.find(isSocket);
  if (found !== undefined) return endpointOf(`unix://${found}`, env);
  throw new OrchestratorError(
    "SANDBOX_FAILURE",
    `no Docker daemon was found: DOCKER_HOST is not set and none of ${sockets.join(", ")} is a socket; install Docker Engine (apt-get install docker.io) or start Podman's service, or name another with docker.host`,
  );
}

/** Docker's own, Docker Desktop's, rootless Docker's, then Podman's. */
function socketsToTry(env: NodeJS.ProcessEnv): string[] {
  const runtime = env.XDG_RUNTIME_DIR;
  return [
    "/var/run/docker.sock",
    join(homedir(), ".docker/run/docker.sock"),
    ...(runtime === undefined ? [] : [join(runtime, "docker.sock"), join(runtime, "podman/podman.sock")]),
    "/run/podman/podman.sock",
  ];
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}

function endpointOf(given: string, env: NodeJS.ProcessEnv): Endpoint {
  if (given.startsWith("unix://")) {
    const socketPath = given.slice("unix://".length);
    return { name: given, isLocal: true, options: { host: "", socketPath } };
  }
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !["tcp:", "http:", "https:"].includes(url.protocol))
    throw new OrchestratorError(
      "SANDBOX_FAILURE",
      `the Docker daemon at ${JSON.stringify(given)} cannot be spoken to; name one as unix:///path or tcp://host:port (docker.host or DOCKER_HOST)`,
    );
  const folder = env.DOCKER_CERT_PATH;
  const isSecure = url.protocol === "https:" || (env.DOCKER_TLS_VERIFY ?? "") !== "" || url.port === "2376";
  const read = (name: string) => readFileSync(join(folder!, name));
  const secrets =
    isSecure && folder !== undefined ? { ca: read("ca.pem"), cert: read("cert.pem"), key: read("key.pem") } : {};
  const protocol = isSecure ? "https" : "http";
  return {
    name: given,
    isLocal: false,
    options: { host: url.hostname, port: url.port === "" ? "2375" : url.port, protocol, ...secrets },
  };
}
