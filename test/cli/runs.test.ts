/** Journalled runs of pipelines: gone on with, listed, shown and cleared away. */
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cli, withFolder } from "./cli.js";

/** `b` fails until there is a file `ok`. */
const pipeline = (changes: { c?: string } = {}): string => `
name: demo
inputs:
  who: world
tasks:
  a: { command: [sh, -c, "echo a >> ran; echo hello $WHO"], env: { WHO: "\${{ inputs.who }}" } }
  b: { command: [sh, -c, "echo b >> ran; test -f ok"], needs: a, retry: 0 }
  c: { command: [echo, "${changes.c ?? "c"}", "\${{ tasks.a.output }}"], needs: b }
outputs:
  said: "\${{ tasks.c.output }}"
`;

test("a run that failed is gone on with by its id alone, from a file that changed, and is then done", () =>
  withFolder(async (cwd) => {
    const run = (...args: string[]) => cli(args, { cwd });
    writeFileSync(join(cwd, "p.yaml"), pipeline());
    const first = await run("run", "p.yaml", "-i", "who=moon", "--journal", "runs", "--run-id", "one");
    expect(first.code).toBe(1);
    expect(first.stderr).toBe("Go on with it: orchestrator runs resume one\n");
    expect((await run("run", "p.yaml", "--journal", "runs", "--run-id", "one")).code).toBe(2);

    const listed = await run("runs", "list");
    expect(listed.stdout).toMatch(/^run +name +status +done +started +took$/m);
    expect(listed.stdout).toMatch(/^one +demo +failed +3\/3 /m);
    const shown = await run("runs", "show", "one");
    expect(shown.stdout).toMatch(/✓ a +succeeded/);
    expect(shown.stdout).toMatch(/✗ b +failed/);
    expect(shown.stdout).toContain("Go on with it: orchestrator runs resume one");

    writeFileSync(join(cwd, "ok"), "");
    writeFileSync(join(cwd, "p.yaml"), pipeline({ c: "changed" }));
    const original = await run("runs", "resume", "one", "--original", "--json");
    expect(original.stderr).toContain("p.yaml has changed since; going on with it as it was");
    expect(JSON.parse(original.stdout)).toMatchObject({ status: "succeeded", outputs: { said: "c hello moon" } });

    // `c` is another task now, and runs again; nothing else does.
    const second = await run("runs", "resume", "one");
    expect(second.stderr).toContain("p.yaml has changed since; going on with it as it is now");
    expect(second.stdout).toContain("↺ resumed: 2 tasks done before, 1 to run again");
    expect(second.stdout).toContain("said: changed hello moon");
    expect(second.code).toBe(0);

    rmSync(join(cwd, "p.yaml"));
    const gone = await run("runs", "resume", "one", "--quiet");
    expect(gone.stderr).toContain("p.yaml is not there any more; going on with it as it was");
    expect(gone.code).toBe(0);

    const [document] = JSON.parse((await run("runs", "list", "--json")).stdout);
    expect(document).toMatchObject({ runId: "one", status: "succeeded", resumes: 3, inputs: { who: "moon" } });
    expect(await readRan(cwd)).toBe("a\nb\nb\n");
  }));

async function readRan(cwd: string): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  return readFile(join(cwd, "ran"), "utf8");
}

test("--resume without an id takes the last run that is not done, and refuses where there is none", () =>
  withFolder(async (cwd) => {
    writeFileSync(join(cwd, "p.yaml"), pipeline());
    const run = (...args: string[]) => cli(["run", "p.yaml", "-j", "kept", ...args], { cwd });
    const none = await run("--resume");
    expect([none.code, none.stderr]).toEqual([
      2,
      'error: no run of "demo" in kept has anything left to do: none is there\n',
    ]);
    expect((await run()).stderr).toMatch(
      /^Go on with it: orchestrator runs resume \d{8}-\d{6}-[0-9a-f]{4} --journal kept\n$/,
    );
    writeFileSync(join(cwd, "ok"), "");
    expect((await run("--resume")).code).toBe(0);
    expect((await run("--resume")).stderr).toContain("every one succeeded");
    expect((await run("--resume", "nope")).stderr).toContain('there is no run "nope" in kept');
  }));

test("a run that was interrupted goes on: what had run to its end is not run again", () =>
  withFolder(async (cwd) => {
    writeFileSync(
      join(cwd, "p.yaml"),
      "tasks:\n  a: { command: [sh, -c, 'echo a >> ran'] }\n  b: { command: [sh, -c, 'echo b >> ran; test -f ok || sleep 600'], needs: a }\n",
    );
    const first = await cli(["run", "p.yaml", "--journal", "runs", "--run-id", "one"], {
      cwd,
      during: (child) => {
        child.stdout.on("data", (text: string) => {
          if (text.includes("▸ b")) child.kill("SIGINT");
        });
        void once(child, "close");
      },
    });
    expect(first.code).toBe(130);
    const shown = JSON.parse((await cli(["runs", "show", "one", "--json"], { cwd })).stdout);
    expect(shown).toMatchObject({
      status: "cancelled",
      tasks: { a: { status: "succeeded" }, b: { status: "cancelled" } },
    });
    writeFileSync(join(cwd, "ok"), "");
    const second = await cli(["runs", "resume", "one"], { cwd });
    expect(second.stdout).toContain("↺ resumed: 1 task done before, 1 to run again");
    expect(second.code).toBe(0);
    expect((await readRan(cwd)).split("\n").filter((line) => line === "a")).toHaveLength(1);
  }));

test("prune tells what would go, and takes it with --yes; one that is damaged is listed and stays", () =>
  withFolder(async (cwd) => {
    writeFileSync(join(cwd, "p.yaml"), "tasks:\n  a: { command: [echo, a] }\n");
    const run = (...args: string[]) => cli(args, { cwd });
    for (const id of ["one", "two", "three"]) await run("run", "p.yaml", "-j", "runs", "--run-id", id);
    writeFileSync(
      join(cwd, "runs", "three", "000001.journal"),
      "orchestrator-journal format=1 segment=000001\nrubbish rubbish rubbish",
    );
    const dry = await run("runs", "prune", "--keep", "1");
    expect(dry.stdout).toMatch(/^one {2}succeeded, .* ago\n1 run would be cleared away; --yes does it\n$/);
    expect((await run("runs", "list")).stdout).toMatch(/^three +unreadable +the journal is damaged: /m);
    const done = await run("runs", "prune", "--keep", "0", "--older-than", "0s", "--yes", "--json");
    expect(JSON.parse(done.stdout).runs.map(({ runId }: { runId: string }) => runId)).toEqual(["two", "one"]);
    expect(JSON.parse((await run("runs", "list", "--json")).stdout)).toMatchObject([{ runId: "three" }]);
    expect((await run("runs", "prune")).code).toBe(2);
  }));
