/** The ways to run a piece of Python that are compared, from no wall at all to a warm one. */
import { spawn } from "node:child_process";
import { SandboxExecutor } from "#src/sandbox.js";
import type { DockerDaemon } from "../lib/docker-daemon.js";

export interface Way {
  readonly name: string;
  readonly label: string;
  /** Runs the program to its end. Rejects where it did not end well. */
  run(program: Program): Promise<void>;
  close(): Promise<void>;
}

export interface Program {
  readonly name: string;
  readonly label: string;
  readonly code: string;
  readonly allowedPackages: readonly string[];
}

export const hello: Program = { name: "hello", label: "hello", code: 'print("hello")', allowedPackages: [] };

export const pandasSum: Program = {
  name: "pandas",
  label: "pandas sum",
  code: `import pandas as pd
df = pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})
result = df.sum()`,
  allowedPackages: ["pandas"],
};

export function bareWay(): Way {
  return {
    name: "bare",
    label: "python3 bare, no wall",
    run: ({ code }) => endWell("/usr/bin/python3", ["-c", code]),
    close: async () => {},
  };
}

/** bubblewrap as a person would call it: namespaces and binds, but no limits, no filter, no value. */
export function plainBubblewrapWay(): Way {
  const walls = [
    "--unshare-all",
    "--ro-bind",
    "/usr",
    "/usr",
    "--symlink",
    "usr/lib",
    "/lib",
    "--symlink",
    "usr/lib64",
  ];
  const rest = ["/lib64", "--ro-bind", "/etc/alternatives", "/etc/alternatives", "--proc", "/proc", "--dev", "/dev"];
  return {
    name: "bubblewrap",
    label: "bubblewrap cold, by hand, no limits",
    run: ({ code }) =>
      endWell("/usr/bin/bwrap", [...walls, ...rest, "--tmpfs", "/tmp", "/usr/bin/python3", "-c", code]),
    close: async () => {},
  };
}

export function sandboxWay(warm: boolean): Way {
  const executors = new Map<string, SandboxExecutor>();
  return {
    name: warm ? "warm" : "cold",
    label: warm ? "sandbox, warm" : "sandbox, cold bubblewrap",
    async run(program) {
      const key = program.allowedPackages.join();
      let executor = executors.get(key);
      if (executor === undefined) {
        executor = new SandboxExecutor({ runtime: "process", allowedPackages: program.allowedPackages, warm });
        executors.set(key, executor);
      }
      const result = await executor.executeCode(program.code, { language: "python" });
      if (!result.success) throw result.error;
    },
    async close() {
      for (const executor of executors.values()) await executor.close();
    },
  };
}

/** Docker's command line, with the limits that a sandbox has by flags. */
export function dockerRunWay({ host, image }: Pick<DockerDaemon, "host" | "image">): Way {
  const walls = [
    ...["--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
    ...["--memory", "512m", "--memory-swap", "512m", "--cpus", "1", "--pids-limit", "64", "--user", "65534:65534"],
    ...["--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=64m"],
  ];
  const env = { ...process.env, DOCKER_HOST: host };
  return {
    name: "docker",
    label: "docker run, by the command line",
    run: ({ code }) => endWell("docker", ["run", "--rm", ...walls, image, "/usr/bin/python3", "-c", code], env),
    close: async () => {},
  };
}

function endWell(command: string, args: readonly string[], env = process.env): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "ignore", env });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ended with ${signal ?? code}`));
    });
  });
}
