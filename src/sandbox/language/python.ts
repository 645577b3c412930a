/** Python: the system's CPython, with its standard library and no packages but those of a view. */
import type { Interpreter, Language } from "../language.js";
import { pythonDriver } from "./python-driver.js";
import { pythonPlots } from "./python-plots.js";

const question = `import sys, sysconfig, site, json
paths = sysconfig.get_paths()
folders = [paths["purelib"], paths["platlib"]] + site.getsitepackages()
print(json.dumps({"version": sys.version.split()[0], "folders": folders, "supported": sys.version_info >= (3, 8)}))`;

export const python: Language = {
  name: "python",
  aliases: ["py", "python3"],
  extensions: [".py"],
  driverFiles: { "driver.py": pythonDriver, "orchestrator_plots.py": pythonPlots },
  findInterpreter,
  command: (interpreter, driverFolder) => [interpreter.path, "-I", "-B", `${driverFolder}/driver.py`],
  environment: {
    MPLBACKEND: "module://orchestrator_plots",
    MPLCONFIGDIR: "/tmp/matplotlib",
    // One thread for each pool: the quota is of CPUs, and every library would start as many as the host has.
    OPENBLAS_NUM_THREADS: "1",
    OMP_NUM_THREADS: "1",
    PYTHONDONTWRITEBYTECODE: "1",
  },
};

async function findInterpreter(): Promise<Interpreter | { readonly missing: string; readonly remedy: string }> {
  const { ask, findBinaries, prefixOf } = await import("./find-interpreter.js");
  for (const path of findBinaries(["python3"])) {
    const answer = await ask(path, ["-I", "-c", question]);
    if (answer === undefined) continue;
    const { version, folders, supported } = JSON.parse(answer) as {
      version: string;
      folders: string[];
      supported: boolean;
    };
    if (!supported) continue;
    const prefix = prefixOf(path);
    return {
      path,
      version,
      mounts: prefix === undefined ? [] : [{ type: "read-only", source: prefix, target: prefix }],
      packageFolders: [...new Set([...folders, "/usr/lib/python3/dist-packages"])],
    };
  }
  return {
    missing: "no CPython 3.8 or later was found in /usr/bin or PATH",
    remedy: "install python3 (Debian: apt-get install python3)",
  };
}
