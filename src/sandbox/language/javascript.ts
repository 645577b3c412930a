/** JavaScript: Node.js, the system's or the one that runs this process. */
import { realpathSync } from "node:fs";
import type { Interpreter, Language } from "../language.js";
import { javascriptDriver } from "./javascript-driver.js";

export const javascript: Language = {
  name: "javascript",
  aliases: ["js", "node"],
  extensions: [".js", ".mjs", ".cjs"],
  driverFiles: { "driver.cjs": javascriptDriver },
  findInterpreter,
  command: (interpreter, driverFolder) => [
    interpreter.path,
    "--no-warnings",
    "--experimental-vm-modules",
    `${driverFolder}/driver.cjs`,
  ],
  ownFiles: /^main(?:-\d+)?\.mjs$/,
  environment: {},
};

async function findInterpreter(): Promise<Interpreter | { readonly missing: string; readonly remedy: string }> {
  const { ask, findBinaries, prefixOf } = await import("./find-interpreter.js");
  const own = realpathSync(process.execPath);
  for (const path of new Set([...findBinaries(["node", "nodejs"]), own])) {
    const version = /^v(\d+)\.(\d+\.\d+)/.exec((await ask(path, ["--version"])) ?? "");
    if (version === null || Number(version[1]) < 18) continue;
    // Of a Node that lies outside of /usr only the binary is needed: it carries its own library.
    const outside = prefixOf(path) !== undefined;
    return {
      path,
      version: `${version[1]}.${version[2]}`,
      mounts: outside ? [{ type: "read-only", source: path, target: path }] : [],
      packageFolders: ["/usr/lib/node_modules"],
    };
  }
  return { missing: "no Node.js 18 or later was found in /usr/bin or PATH", remedy: "install nodejs" };
}
