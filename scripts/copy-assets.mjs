// What the compiler leaves behind: files that the built package reads at run time and that are not TypeScript.
import { cpSync, rmSync } from "node:fs";

const folders = ["sandbox/backend/process/warm/server", "sandbox/backend/vm/guest", "sandbox/backend/docker/agent"];

for (const folder of folders) {
  rmSync(`dist/${folder}`, { recursive: true, force: true });
  cpSync(`src/${folder}`, `dist/${folder}`, { recursive: true, filter: (path) => !path.endsWith("__pycache__") });
}
