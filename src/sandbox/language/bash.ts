/** Bash, with the programs of `/usr/bin`. */
import type { Interpreter, Language } from "../language.js";
import { bashBefore, bashDriver } from "./bash-driver.js";

export const bash: Language = {
  name: "bash",
  aliases: ["sh", "shell"],
  extensions: [".sh", ".bash"],
  driverFiles: { "driver.sh": bashDriver, "before.sh": bashBefore },
  findInterpreter,
  command: (interpreter, driverFolder) => [interpreter.path, "--noprofile", "--norc", `${driverFolder}/driver.sh`],
  environment: {},
};

async function findInterpreter(): Promise<Interpreter | { readonly missing: string; readonly remedy: string }> {
  const { ask, findBinaries, prefixOf } = await import("./find-interpreter.js");
  for (const path of findBinaries(["bash"])) {
    const version = /version (\S+?)\(/.exec((await ask(path, ["--version"])) ?? "");
    if (version === null) continue;
    const prefix = prefixOf(path);
    const mounts = prefix === undefined ? [] : [{ type: "read-only", source: path, target: path } as const];
    return { path, version: version[1]!, mounts, packageFolders: [] };
  }
  return { missing: "no bash was found in /usr/bin or PATH", remedy: "install bash" };
}
