/** A registry on the loopback, with one small image: what a daemon needs to pull it, and nothing else. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** As small as an image can be in which the agent and bash run. */
const packages = [
  ...["bash", "coreutils", "dash", "perl-base", "libc6", "libcrypt1", "libtinfo6", "libselinux1", "libpcre2-8-0"],
  ...["libacl1", "libattr1", "libgmp10"],
];

export interface Registry {
  /** Of its one image. */
  readonly image: string;
  /** Paths that were asked for. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

export async function openRegistry(): Promise<Registry> {
  const layer = archiveOf(packages);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
      history: [{ created: "1970-01-01T00:00:00Z" }],
    }),
  );
  const types = "application/vnd.docker";
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${types}.distribution.manifest.v2+json`,
      config: { mediaType: `${types}.container.image.v1+json`, size: config.length, digest: digestOf(config) },
      layers: [{ mediaType: `${types}.image.rootfs.diff.tar`, size: layer.length, digest: digestOf(layer) }],
    }),
  );
  const contents = new Map([config, layer, manifest].map((content) => [digestOf(content), content]));
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push(path);
    const name = path.split("/").at(-1)!;
    const content = path === "/v2/" ? Buffer.from("{}") : name === "1" ? manifest : contents.get(name);
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    const type = content === manifest ? `${types}.distribution.manifest.v2+json` : "application/octet-stream";
    response.writeHead(200, {
      "content-type": type,
      "content-length": content.length,
      "docker-content-digest": digestOf(content),
      "docker-distribution-api-version": "registry/2.0",
    });
    response.end(request.method === "HEAD" ? undefined : content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    image: `127.0.0.1:${port}/small:1`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

function archiveOf(names: readonly string[]): Buffer {
  const listed = execFileSync("dpkg", ["-L", ...names], { encoding: "utf8" }).split("\n");
  const links = ["/bin", "/sbin", "/lib", "/lib32", "/lib64"].filter((path) => existsSync(path));
  const wanted = listed.filter((path) => /^\/(?:usr\/)?(?:bin|lib|lib64)\//.test(path) && existsSync(path));
  // Where /bin is a link to /usr/bin, dpkg may still call a file /bin/x.
  const real = wanted.map((path) => path.replace(/^\/[^/]+/, (folder) => realpathSync(folder)));
  const paths = [...new Set([...links, "/tmp", "/run", "/etc/alternatives", ...real])].join("\0");
  const flags = ["-C", "/", "--no-recursion", "--owner=0", "--group=0", "--null", "-T", "-", "-c"];
  return execFileSync("tar", flags, { input: paths.replaceAll(/(^|\0)\//g, "$1"), maxBuffer: 2 ** 28 });
}
