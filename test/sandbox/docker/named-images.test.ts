/** Images that are pulled, built upon, and not there; and images that lack what others have. */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import "#src/sandbox/language/index.js";
import { makeTar } from "#src/sandbox/backend/docker/client/tar.js";
import { SandboxManager } from "#src/sandbox/sandbox-manager.js";
import { cli } from "../../cli/cli.js";
import { present } from "../../support/require-component.js";
import { daemonHost, testImageName } from "./daemon.js";
import { useDaemon } from "./joined.js";
import { openRegistry, type Registry } from "./registry.js";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 600_000 });

describe.runIf(present("linux", "root", "docker", "python"))("images of containers", () => {
  const joined = useDaemon();
  let registry: Registry;
  const made: string[] = [];

  beforeAll(async () => {
    registry = await openRegistry();
  });
  // Before the daemon is left: hooks that tidy up run in the order opposite to their laying.
  afterAll(async () => {
    const { client } = joined;
    for (const image of made) if ((await client.inspectImage(image)) !== undefined) await client.removeImage(image);
    await registry.close();
  });

  const runIn = async (image: string, code: string, language = "bash") => {
    await using manager = new SandboxManager({
      defaults: { runtime: "docker", docker: { host: daemonHost, image }, warm: false, timeLimit: 30 },
    });
    return await manager.executeCode(code, { language });
  };

  test("one that the daemon lacks is pulled at its first use, once", async () => {
    made.push(registry.image);
    expect((await runIn(registry.image, "echo $((6 * 7))")).output).toBe("42\n");
    const pulled = registry.asked.length;
    expect(registry.asked.some((path) => path.includes("/blobs/"))).toBe(true);
    await runIn(registry.image, "true");
    expect(registry.asked).toHaveLength(pulled);
  });

  test("one that cannot be pulled is an error that says how to come by one", async () => {
    const running = runIn("127.0.0.1:1/nothing:1", "true");
    await expect(running).rejects.toThrow(
      /the daemon has no image 127\.0\.0\.1:1\/nothing:1, and pulling it failed: .*connection refused.*; fetch it \("docker pull 127\.0\.0\.1:1\/nothing:1"\), or make one \("orchestrator images build --docker" makes "orchestrator-sandbox"\) and name it with docker\.image/,
    );
    await expect(running).rejects.not.toThrow(/HTTP code/);
  });

  test("one that is built upon another by the command line runs code", async () => {
    made.push("orchestrator-tests-upon");
    const args = ["images", "build", "--docker", "--host", daemonHost, "--from", testImageName, "--name", made.at(-1)!];
    const { code, stdout, stderr } = await cli(args);
    expect([code, stderr]).toEqual([0, expect.stringContaining(`building on ${testImageName}`)]);
    expect(stdout).toMatch(/^image orchestrator-tests-upon: sha256:[0-9a-f]{64}\n$/);
    expect((await runIn(made.at(-1)!, "6 * 7", "python")).value).toBe(42);
  });

  test("what an image lacks of locales is not told to the code", async () => {
    made.push("orchestrator-tests-no-locale");
    const dockerfile = `FROM ${testImageName}\nRUN ["/bin/rm", "-r", "/usr/lib/locale"]\n`;
    await joined.client.buildImage(made.at(-1)!, makeTar([{ name: "Dockerfile", content: dockerfile }]));
    const { stdout, stderr } = await runIn(made.at(-1)!, 'echo "<$PERL_BADLANG>"');
    expect([stdout, stderr]).toEqual(["<>\n", ""]);
  });
});
