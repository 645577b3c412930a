import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { cli } from "./cli.js";

const cwd = fileURLToPath(new URL("pipelines/", import.meta.url));
const golden = fileURLToPath(new URL("../pipeline/golden/", import.meta.url));

describe("help", () => {
  test("without a command, help is shown", async () => {
    const { code, stdout } = await cli([]);
    expect(code).toBe(0);
    expect(stdout).toContain("Usage: orchestrator [options] [command]");
    expect(stdout).toContain("Exit codes: 0 all succeeded");
  });

  test("every command has help with examples or an explanation", async () => {
    const { stdout } = await cli(["--help"]);
    const commands = [...stdout.matchAll(/^ {2}([a-z]+) (?:\[options\]|<)/gm)].map(([, name]) => name!);
    expect(commands).toEqual(expect.arrayContaining(["run", "validate", "graph", "simulate", "doctor", "completion"]));
    for (const command of commands) {
      const help = await cli([command, "--help"]);
      expect([command, help.code]).toEqual([command, 0]);
      expect(help.stdout).toContain(`Usage: orchestrator ${command}`);
    }
  });

  test("--version is that of the package", async () => {
    const { stdout } = await cli(["--version"]);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+/);
  });

  test("an unknown command is bad input, with the nearest one named", async () => {
    const { code, stderr } = await cli(["rum"]);
    expect(code).toBe(2);
    expect(stderr).toContain("unknown command 'rum'\n(Did you mean run?)");
  });
});

describe("validate", () => {
  test("files that are right and wrong", async () => {
    const { code, stdout, stderr } = await cli(["validate", "good.yaml", `${golden}cycle.yaml`], { cwd });
    expect(code).toBe(2);
    expect(stdout).toBe("ok good.yaml (good: 5 tasks)\n");
    expect(stderr).toContain("error: tasks.a: a cycle: a -> b -> c -> a");
    expect(stderr).toContain("cycle.yaml:2:3");
  });

  test("--json", async () => {
    const { code, stdout } = await cli(["validate", "--json", "good.yaml", `${golden}cycle.yaml`], { cwd });
    expect(code).toBe(2);
    const [good, cycle] = JSON.parse(stdout);
    expect(good).toEqual({ file: "good.yaml", valid: true, problems: [] });
    expect(cycle.problems[0]).toEqual({ where: "tasks.a", message: "a cycle: a -> b -> c -> a", line: 2, column: 3 });
  });
});

describe("graph", () => {
  test.each([
    [["graph", "good.yaml"], "●  again  inline ./tasks.mjs#failOnce  2 attempts"],
    [["graph", "good.yaml", "--format", "mermaid"], "flowchart TD"],
    [["graph", "good.yaml", "-f", "dot"], 'digraph "good" {'],
  ])("%j", async (args, part) => {
    const { code, stdout } = await cli(args, { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain(part);
  });
});

describe("doctor", () => {
  test("tells node, processors, memory and limits", async () => {
    const { code, stdout } = await cli(["doctor", "--json"]);
    expect(code).toBe(0);
    const findings: { name: string; verdict: string; found: string }[] = JSON.parse(stdout);
    expect(findings.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["node", "processors", "memory", "memory limit", "CPU limit"]),
    );
    expect(findings.find(({ name }) => name === "node")).toEqual({
      name: "node",
      verdict: "good",
      found: process.version,
    });
  });
});

describe("doctor, of a Docker daemon", () => {
  const findingsWith = async (host: string) => {
    const { stdout } = await cli(["doctor", "--json"], { env: { DOCKER_HOST: host } });
    const findings: { name: string; found: string; advice?: string }[] = JSON.parse(stdout);
    return findings.filter(({ name }) => name === "docker sandbox");
  };

  test("that is not there", async () => {
    expect(await findingsWith("unix:///nonexistent/docker.sock")).toEqual([
      {
        name: "docker sandbox",
        verdict: "limited",
        found:
          "not available: the Docker daemon at unix:///nonexistent/docker.sock did not answer: connect ENOENT /nonexistent/docker.sock",
        advice: "start it, or name another with docker.host",
      },
    ]);
  });

  test("that is none", async () => {
    const server = createServer((_, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await findingsWith(host)).toMatchObject([
      {
        found: `not available: what answers at ${host} is no Docker daemon (it answered 404)`,
        advice: "name one with docker.host or DOCKER_HOST",
      },
    ]);
    server.close();
  });
});

describe("completion", () => {
  test("bash completes commands, options and choices", async () => {
    const { stdout } = await cli(["completion", "bash"]);
    const complete = (...words: string[]) => {
      const list = words.map((word) => `'${word}'`).join(" ");
      const script = `${stdout}\nCOMP_WORDS=(orchestrator ${list}); COMP_CWORD=${words.length}; _orchestrator; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { stdout: answer, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
      expect(stderr).toBe("");
      return answer.trim().split("\n");
    };
    expect(complete("va")).toEqual(["validate"]);
    expect(complete("run", "--max")).toEqual(["--max-workers", "--max-concurrent"]);
    expect(complete("graph", "--format", "m")).toEqual(["mermaid"]);
    expect(complete("completion", "z")).toEqual(["zsh"]);
  });

  test.each(["zsh", "fish"])("%s names every command", async (shell) => {
    const { code, stdout } = await cli(["completion", shell]);
    expect(code).toBe(0);
    for (const command of ["run", "validate", "graph", "simulate", "doctor"]) expect(stdout).toContain(command);
  });

  test("another shell is bad input", async () => {
    const { code, stderr } = await cli(["completion", "tcsh"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Allowed choices are bash, zsh, fish.");
  });
});
