/**
 * What the process backend can hold on this host, by attempts: a sandbox is started and tries to break each wall; what
 * it could do is told by what it printed. A file's existence proves nothing. Done until it has succeeded once in this process.
 */
import { accessSync, constants } from "node:fs";
import { detectCgroups } from "../../../host/cgroup/index.js";
import { isPassingFault, remedyOfPassingFault } from "../../../host/passing-fault.js";
import type { LimitName } from "../../../model/sandbox.js";
import type { BackendCapabilities, LanguageCapability, LimitCapability } from "../../backend.js";
import { resolveSandboxConfig } from "../../config.js";
import { languageNamed, languageNames } from "../../language.js";
import { resolveCodeRequest } from "../../request.js";
import { runCode } from "../../run/run-code.js";
import { ColdLauncher } from "./cold/cold-launcher.js";
import { describeEnforcement } from "./enforcement.js";
import { hiddenPackageFolders, interpreterOf, makeRecipe, requireInterpreter } from "./make-recipe.js";

let cached: Promise<BackendCapabilities> | undefined;

export function processCapabilities(): Promise<BackendCapabilities> {
  cached ??= probe().then((found) => {
    // What stands in the way may pass.
    if (!found.available) cached = undefined;
    return found;
  });
  return cached;
}

const programs: Readonly<Record<string, string>> = {
  "/usr/bin/bwrap": "bubblewrap",
  "/usr/bin/unshare": "util-linux",
  "/usr/bin/setpriv": "util-linux",
  "/bin/bash": "bash",
};

async function probe(): Promise<BackendCapabilities> {
  const languages = await Promise.all(languageNames().map(languageCapability));
  const nothing = { backend: "process", available: false, limits: [], languages } as const;
  if (process.platform !== "linux") {
    const remedy = "run on Linux, or use the docker or the vm backend";
    return { ...nothing, reason: `the walls are Linux's and this is ${process.platform}`, remedy };
  }
  const absent = Object.keys(programs).filter((path) => !canExecute(path));
  if (absent.length > 0) {
    const packages = [...new Set(absent.map((path) => programs[path]))].join(" ");
    return {
      ...nothing,
      reason: `${absent.join(", ")} is not there to be executed`,
      remedy: `install it: apt-get install ${packages}`,
    };
  }
  const broken = await attemptViolations();
  if (broken !== undefined) return { ...nothing, ...broken };
  const limits = describeEnforcement(plainShape).map(withRemedy);
  return { backend: "process", available: true, isolation: "namespaces", limits, languages };
}

function canExecute(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const plainShape = { shareNetwork: false, companions: [] };

async function languageCapability(language: string): Promise<LanguageCapability> {
  const failed = (error: Error) => ({ missing: error.message, remedy: remedyOfPassingFault });
  const interpreter = await interpreterOf(languageNamed(language)).catch(failed);
  return "missing" in interpreter ? { language, ...interpreter } : { language, version: interpreter.version };
}

function withRemedy(enforcement: ReturnType<typeof describeEnforcement>[number]): LimitCapability {
  if (enforcement.strength === "enforced") return enforcement;
  const { memory, cpu } = detectCgroups();
  const remedies: Partial<Record<LimitName, string | undefined>> = { memoryLimit: memory.remedy, cpuQuota: cpu.remedy };
  const remedy = remedies[enforcement.limit];
  return remedy === undefined ? enforcement : { ...enforcement, remedy };
}

/**
 * Each line is a violation that succeeded; none may. In bash, which every host of this backend has. The writes go to
 * what only this machine's root may write, so that even a host whose walls are all down is not harmed: they write what
 * is there already.
 */
const violations = `
say() { echo "$1"; }
(read -r kept </proc/sys/kernel/core_pattern && echo "$kept" >/proc/sys/kernel/core_pattern) 2>/dev/null && say "filesystem: a setting of the kernel could be written"
(: >/usr/bin/.probe) 2>/dev/null && say "filesystem: /usr could be written"
(: >/.probe) 2>/dev/null && say "filesystem: the root could be written"
[ -e /root ] || [ -e /home ] || [ -e /var ] && say "filesystem: folders of the host can be seen"
(exec 3<>/dev/tcp/127.0.0.1/$PROBE_PORT) 2>/dev/null && say "network: the host's loopback could be reached"
/usr/bin/unshare --user true 2>/dev/null && say "syscalls: a user namespace could be made"
[ "$(sed -n 's/^Seccomp:\\s*//p' /proc/self/status)" = 2 ] || say "syscalls: no filter is set"
[ "$(sed -n 's/^CapEff:\\s*0*//p' /proc/self/status)" = "" ] || say "syscalls: capabilities are left"
[ "$(sed -n 's/^NoNewPrivs:\\s*//p' /proc/self/status)" = 1 ] || say "syscalls: new privileges can be had"
[ -e /proc/$PROBE_PID/environ ] && [ "$(tr '\\0' '\\n' </proc/$PROBE_PID/environ 2>/dev/null | grep -c .)" != 0 ] && [ $PROBE_PID -gt 100 ] && say "filesystem: the supervisor can be seen"
exit 0
`;

async function attemptViolations(): Promise<{ reason: string; remedy: string } | undefined> {
  const { createServer } = await import("node:net");
  const listener = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const port = (listener.address() as { port: number }).port;
  const launcher = new ColdLauncher();
  try {
    const config = resolveSandboxConfig({ timeLimit: 20 });
    const language = languageNamed("bash");
    const env = { PROBE_PORT: String(port), PROBE_PID: String(process.pid) };
    const request = resolveCodeRequest(violations, { language: "bash" }, { env });
    const hidden = await hiddenPackageFolders();
    const recipe = makeRecipe(config, language, await requireInterpreter(language), [], hidden);
    const sandbox = await launcher.launch(recipe);
    const result = await runCode(sandbox, request, { limits: config.limits, startedAt: performance.now() });
    if (!result.success) return { reason: result.error?.message ?? result.verdict, remedy };
    const found = result.stdout.trim();
    return found === "" ? undefined : { reason: `a probe broke out: ${found.replaceAll("\n", "; ")}`, remedy };
  } catch (error) {
    return { reason: (error as Error).message, remedy: isPassingFault(error) ? remedyOfPassingFault : remedy };
  } finally {
    listener.close();
    await launcher.close();
  }
}

const remedy =
  "allow user namespaces to ordinary users (sysctl kernel.unprivileged_userns_clone=1; on Ubuntu 24.04 and later " +
  "kernel.apparmor_restrict_unprivileged_userns=0), or run as root with CAP_SYS_ADMIN, or use the docker or the vm backend";
