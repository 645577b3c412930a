/**
 * Containers that are killed, flooded or the enemy's: each ends as a verdict in time, what comes after is well, and
 * nothing is left. Nothing is simulated: the hostile agents are programs in real containers.
 */
import { describe, expect, test, vi } from "vitest";
import "#src/sandbox/language/index.js";
import { type ContainerSettings, containerSpec } from "#src/sandbox/backend/docker/container-spec.js";
import { Container } from "#src/sandbox/backend/docker/run/container.js";
import { seccompProfile } from "#src/sandbox/backend/docker/seccomp-profile.js";
import { resolveSandboxConfig } from "#src/sandbox/config.js";
import { LineSandbox } from "#src/sandbox/line/line-sandbox.js";
import { resolveCodeRequest } from "#src/sandbox/request.js";
import { runCode } from "#src/sandbox/run/run-code.js";
import { agentDeeds, hostileAgent } from "../../../bench/faults/hostile.js";
import { present } from "../../support/require-component.js";
import { executorOf } from "../conformance/backend-under-test.js";
import { testImageName } from "./daemon.js";
import { dockerUnderTest } from "./docker-under-test.js";
import { startRun, useDaemon } from "./joined.js";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 600_000 });

const deeds = {
  "that claims a message of 4 GiB": [agentDeeds.claim, /announced a message of 4294967295 bytes/],
  "that sends nonsense": [agentDeeds.nonsense, /unknown kind/],
  "that floods its line": [agentDeeds.flood, undefined],
  "that ends": [agentDeeds.end, /ended with exit code 3|ended from outside/],
  "that says nothing any more": [agentDeeds.silence, undefined],
} as const satisfies Readonly<Record<string, readonly [string, RegExp | undefined]>>;

/** Says that the run has ended well, and then what it wants of the files that there are. */
const lies = ["../../etc/cron.d/x", "/etc/x", "..", "a//b", "good", "good"].map((path) => btoa(path));
const liar = `sub put { syswrite(STDOUT, pack("Na", length($_[1]), $_[0]) . $_[1]) }
put("E", '{"code":0}');
while (sysread(STDIN, my $head, 5) == 5) {
  my ($length, $kind) = unpack("Na", $head);
  my $question = "";
  while (length($question) < $length) { sysread(STDIN, $question, $length - length($question), length($question)) or exit }
  put("K", "{}") if $kind eq "K";
  next if $kind ne "A";
  if ($question =~ /walk/) {
    put("N", qq({"path":"$_","kind":"file","size":3})) for qw(${lies.join(" ")});
    put("D", "{}");
  } else {
    put("T", "x" x 60000) for 1 .. 5;
    put("D", '{"found":true}');
  }
}`;

const verdictOf = {
  "that floods its line": "output-limit",
  "that says nothing any more": "timeout",
} as Readonly<Record<string, string>>;

const isHere = present("linux", "root", "docker", "python");

describe.runIf(isHere)("containers that fail", () => {
  const joined = useDaemon();
  const { ours } = joined;

  async function withAgent(deed: string): Promise<LineSandbox> {
    const { limits } = resolveSandboxConfig();
    const { client } = joined;
    const settings: ContainerSettings = {
      image: testImageName,
      command: hostileAgent(deed),
      environment: {},
      limits,
      processesOfTheWall: 1,
      volumes: [],
      mounts: [],
      shareNetwork: false,
      seccomp: seccompProfile((await client.info()).Architecture),
      countsInodes: true,
      runtime: undefined,
    };
    const options = { spec: containerSpec(settings), cpuQuotaMicros: limits.cpuQuotaMicros, onLeft: () => {} };
    const partner = await Container.start(client, options);
    return new LineSandbox({ backend: "docker", partner, enforcement: [], onDisposed: () => {} });
  }

  test.each(Object.entries(deeds))("an agent %s ends in a verdict, and leaves nothing", async (name, [deed, words]) => {
    const { limits } = resolveSandboxConfig({ timeLimit: 5 });
    const sandbox = await withAgent(deed);
    const request = resolveCodeRequest("print(1)", { language: "python" });
    const result = await runCode(sandbox, request, { limits, startedAt: performance.now() });
    expect(result.verdict).toBe(verdictOf[name] ?? "sandbox-failure");
    if (words !== undefined) expect(result.error?.message).toMatch(words);
    expect(await ours()).toEqual([]);
  });

  test("an agent that lies about files gives none that leads elsewhere, and no more of one than it said", async () => {
    const { limits } = resolveSandboxConfig({ timeLimit: 30 });
    const request = resolveCodeRequest("print(1)", { language: "python" });
    const result = await runCode(await withAgent(liar), request, { limits, startedAt: performance.now() });
    const told = result.artifacts.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()]);
    expect(told, result.error?.message).toEqual([["good", "xxx"]]);
    expect(await ours()).toEqual([]);
  });

  test("one that is killed from outside is a failure of the sandbox, and the next run has another one", async () => {
    await using executor = executorOf(dockerUnderTest, { timeLimit: 60, warm: false });
    const { result: pending } = await startRun(executor);
    for (const id of await ours()) await joined.client.killContainer(id);
    const result = await pending;
    expect(result.verdict).toBe("sandbox-failure");
    expect(result.error?.message).toMatch(/exit code 137|ended from outside/);
    expect((await executor.executeCode("print(6 * 7)")).output).toBe("42\n");
    expect(await ours()).toEqual([]);
  });
});
