/** The built page: a handful of files, read once and served from memory. */
import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { OrchestratorError } from "../../model/error.js";

export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
  /** Named after its content, so it never changes. */
  readonly lasting: boolean;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

/** By path, as in `/assets/index-abc.js`; `/` is the page itself. */
export function readPageFiles(): ReadonlyMap<string, PageFile> {
  const folder = fileURLToPath(new URL("../page/", import.meta.url));
  const files = new Map<string, PageFile>();
  for (const name of listFiles(folder)) {
    const type = types[extname(name)];
    if (type === undefined) continue;
    const path = name === "index.html" ? "/" : `/${name.replaceAll("\\", "/")}`;
    files.set(path, { type, body: readFileSync(`${folder}${name}`), lasting: path.startsWith("/assets/") });
  }
  if (files.has("/")) return files;
  throw new OrchestratorError("INTERNAL", `the dashboard's page is not at ${folder}: the package was not built whole`);
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return [];
  }
}
