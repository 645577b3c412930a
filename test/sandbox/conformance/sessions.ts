/** Sessions: state between pieces, and an end that says why. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SandboxManager } from "#src/sandbox/sandbox-manager.js";
import type { SandboxSession, SessionOptions } from "#src/sandbox/session.js";
import { type BackendUnderTest, managerOf } from "./backend-under-test.js";

interface Speech {
  readonly language: string;
  readonly remember: string;
  readonly recall: string;
  readonly print: (text: string) => string;
  readonly complain: (text: string) => string;
  readonly fail: string;
  readonly leave: string;
  readonly spin: string;
}

const languages: readonly Speech[] = [
  {
    language: "python",
    remember: "import math\nkept = 20\ndef double(n): return 2 * n",
    recall: "print(double(kept) + math.floor(2.5))",
    print: (text) => `print(${JSON.stringify(text)})`,
    complain: (text) => `import sys\nprint(${JSON.stringify(text)}, file=sys.stderr)`,
    fail: "x = 1\nraise ValueError('on purpose')",
    leave: "import sys\nsys.exit(3)",
    spin: "while True: pass",
  },
  {
    language: "javascript",
    remember: "let kept = 20; function double(n) { return 2 * n; }",
    recall: "console.log(double(kept) + Math.floor(2.5))",
    print: (text) => `console.log(${JSON.stringify(text)})`,
    complain: (text) => `console.error(${JSON.stringify(text)})`,
    fail: "const x = 1;\nthrow new TypeError('on purpose')",
    leave: "process.exit(3)",
    spin: "for (;;);",
  },
  {
    language: "bash",
    remember: "kept=20; double() { echo $((2 * $1)); }",
    recall: "echo $(( $(double $kept) + 2 ))",
    print: (text) => `echo '${text}'`,
    complain: (text) => `echo '${text}' >&2`,
    fail: "false",
    leave: "exit 3",
    spin: "while :; do :; done",
  },
];

export function describeSessions(backend: BackendUnderTest): void {
  const { slowness } = backend;
  let manager: SandboxManager;

  beforeAll(() => {
    manager = managerOf(backend, {}, { maxSessions: 4 });
  });

  afterAll(() => manager.close());

  async function withSession(options: SessionOptions, use: (session: SandboxSession) => Promise<void>): Promise<void> {
    const session = await manager.createSession(options);
    try {
      await use(session);
    } finally {
      await session.close();
    }
  }

  describe.each(languages)("a session of $language", (speech) => {
    const { language } = speech;

    test("keeps state, and keeps the output of pieces apart", () =>
      withSession({ language }, async (session) => {
        expect((await session.executeCode(speech.remember)).verdict).toBe("ok");
        expect((await session.executeCode(speech.recall)).output).toBe("42\n");
        const results = await Promise.all(
          ["one", "two", "three"].map((word) => session.executeCode(`${speech.print(word)}\n${speech.complain(word)}`)),
        );
        expect(results.map((result) => [result.stdout, result.stderr])).toEqual([
          ["one\n", "one\n"],
          ["two\n", "two\n"],
          ["three\n", "three\n"],
        ]);
        expect(session.state).toBe("idle");
      }));

    test("goes on after an error, with the error's own line", () =>
      withSession({ language }, async (session) => {
        await session.executeCode(speech.remember);
        const failed = await session.executeCode(speech.fail);
        expect(failed.verdict).toBe("error");
        if (language !== "bash") {
          expect(failed.error?.message).toContain("on purpose");
          expect(failed.error?.line).toBe(2);
        }
        expect((await session.executeCode(speech.recall)).output).toBe("42\n");
      }));

    test("a piece over its time limit ends it, and it says so", () =>
      withSession({ language, timeLimit: 0.5 * slowness }, async (session) => {
        await session.executeCode(speech.remember);
        const late = await session.executeCode(speech.spin);
        expect(late.verdict).toBe("timeout");
        expect(session.state).toBe("ended");
        expect(session.end).toMatchObject({ reason: "timeout" });
        await expect(session.executeCode(speech.recall)).rejects.toMatchObject({ code: "SESSION_ENDED" });
        await expect(session.executeCode(speech.recall)).rejects.toThrow(/time limit/);
      }));

    test("the time limit is of each piece, not of all together", () =>
      withSession({ language, timeLimit: 1.5 * slowness }, async (session) => {
        const wait = {
          python: `import time\ntime.sleep(${0.6 * slowness})`,
          bash: `sleep ${0.6 * slowness}`,
          javascript: `await new Promise((r) => setTimeout(r, ${600 * slowness}))`,
        };
        for (let round = 0; round < 4; round++)
          expect((await session.executeCode(wait[language as "bash"])).verdict).toBe("ok");
      }));

    test("code that leaves ends it", () =>
      withSession({ language }, async (session) => {
        const left = await session.executeCode(`${speech.print("bye")}\n${speech.leave}`);
        expect(left).toMatchObject({ verdict: "error", exitCode: 3, stdout: "bye\n" });
        expect(session.end).toMatchObject({ reason: "exited" });
      }));

    test("a flood ends it, and pieces that waited are refused", () =>
      withSession({ language, outputLimit: 2048 }, async (session) => {
        const flood = session.executeCode(speech.print("x".repeat(5000)));
        const behind = session.executeCode(speech.print("never"));
        behind.catch(() => {});
        expect((await flood).verdict).toBe("output-limit");
        await expect(behind).rejects.toMatchObject({ code: "SESSION_ENDED" });
      }));

    test("files go in and come out", () =>
      withSession({ language }, async (session) => {
        await session.putFile("data/in.txt", "seen\n");
        const read = { python: "print(open('data/in.txt').read(), end='')", bash: "cat data/in.txt" } as Record<
          string,
          string
        >;
        const code = read[language] ?? "process.stdout.write(require('fs').readFileSync('data/in.txt', 'utf8'))";
        expect((await session.executeCode(code)).stdout).toBe("seen\n");
        expect((await session.listFiles()).map((file) => file.name)).toContain("data/in.txt");
        expect(Buffer.from(await session.getFile("data/in.txt")).toString()).toBe("seen\n");
        await expect(session.getFile("../etc/passwd")).rejects.toMatchObject({ code: "INVALID_OPTION" });
        await expect(session.putFile("../x", "")).rejects.toMatchObject({ code: "INVALID_OPTION" });
      }));
  });

  test("values, results and artifacts are of each piece", () =>
    withSession({}, async (session) => {
      expect((await session.executeCode("result = [1, 2]")).value).toEqual([1, 2]);
      expect((await session.executeCode("len('abc')")).value).toBe(3);
      expect((await session.executeCode("x = 1")).value).toBeUndefined();
      const first = await session.executeCode("open('a.txt', 'w').write('a')");
      expect(first.artifacts.map((artifact) => artifact.name)).toEqual(["a.txt"]);
      const second = await session.executeCode("open('b.txt', 'w').write('b')");
      expect(second.artifacts.map((artifact) => artifact.name)).toEqual(["b.txt"]);
      const changed = await session.executeCode("open('a.txt', 'w').write('c')");
      expect(changed.artifacts.map((artifact) => artifact.name)).toEqual(["a.txt"]);
    }));

  test("the mark between pieces cannot be met by what is printed", () =>
    withSession({}, async (session) => {
      const text = `${"0".repeat(32)} end\n`;
      const result = await session.executeCode(
        `import os\nfor _ in range(3): os.write(1, ${JSON.stringify(text)}.encode())`,
      );
      expect(result.stdout).toBe(text.repeat(3));
      expect((await session.executeCode("print('next')")).stdout).toBe("next\n");
    }));

  test("links that lead out of the working folder are not followed", () =>
    withSession({ language: "bash" }, async (session) => {
      await session.executeCode("ln -s /etc/passwd out; ln -s / root; mkfifo pipe");
      await expect(session.getFile("out")).rejects.toMatchObject({ code: "INVALID_OPTION" });
      await expect(session.getFile("root/etc/passwd")).rejects.toMatchObject({ code: "INVALID_OPTION" });
      await expect(session.getFile("pipe")).rejects.toMatchObject({ code: "INVALID_OPTION" });
      expect((await session.listFiles()).map((file) => file.name)).toEqual(["main.sh"]);
    }));

  test("an abort ends it, and a session that was not used ends by itself", async () => {
    const controller = new AbortController();
    await withSession({ language: "bash" }, async (session) => {
      const running = session.executeCode("echo started; sleep 60", {
        signal: controller.signal,
        onStdout: () => controller.abort(),
      });
      expect((await running).verdict).toBe("killed");
      expect(session.end).toMatchObject({ reason: "closed", message: expect.stringContaining("aborted") });
    });
    await withSession({ language: "bash", idleLimit: "50ms" }, async (session) => {
      await expect.poll(() => session.state).toBe("ended");
      expect(session.end).toMatchObject({ reason: "idle" });
      await expect(session.executeCode("true")).rejects.toThrow(/not used for 50ms/);
    });
  });

  test("sessions are counted, listed and destroyed", async () => {
    const session = await manager.createSession({ language: "bash" });
    expect(manager.listSessions()).toEqual([{ id: session.id, language: "bash", state: "idle" }]);
    expect(manager.getSession(session.id)).toBe(session);
    expect(await manager.destroySession(session.id)).toBe(true);
    expect(await manager.destroySession(session.id)).toBe(false);
    expect(session.end).toMatchObject({ reason: "closed" });
    expect(manager.listSessions()).toEqual([]);
  });

  test("what a session cannot do is refused by name", () =>
    withSession({ language: "bash" }, async (session) => {
      await expect(session.executeCode("true", { stdin: "x" })).rejects.toThrow(/stdin/);
      await expect(session.executeCode("true", { language: "python" } as object)).rejects.toThrow(/session of bash/);
      await expect(manager.createSession({ idleLimit: "soon" })).rejects.toThrow(/idleLimit/);
    }));

  test("no two sessions share anything", () =>
    withSession({ language: "bash" }, (first) =>
      withSession({ language: "bash" }, async (second) => {
        await first.executeCode(
          "echo secret >/tmp/here; echo secret >/dev/shm/here; echo secret >/work/here; x=secret",
        );
        const seen = await second.executeCode(
          'cat /tmp/here /dev/shm/here /work/here 2>/dev/null; echo "[$x]"; ps 2>/dev/null | wc -l >/dev/null',
        );
        expect(seen.stdout).toBe("[]\n");
      }),
    ));
}
