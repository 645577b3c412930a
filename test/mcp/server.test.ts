/** The server in a process of its own, asked by the protocol's own client over real pipes. */
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readImportGraph } from "../house/import-graph.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const options = { sandbox: { timeLimit: 20, allowedPackages: ["matplotlib"], memoryLimit: "1GB" }, maxSessions: 2 };
const program = `import { startMcpServer } from "#src/mcp/index.js";
const server = await startMcpServer(${JSON.stringify(options)});
await server.closed;
console.error("closed in order");`;

let client: Client;
let transport: StdioClientTransport;
let stderr = "";

beforeAll(async () => {
  transport = new StdioClientTransport({
    command: process.execPath,
    args: ["--input-type=module", "-e", program],
    cwd: root,
    stderr: "pipe",
    env: { PATH: "/usr/bin:/bin", SECRET: "canary" },
  });
  transport.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
});
afterAll(() => client.close());

interface Answer {
  readonly text: string;
  readonly content: readonly { readonly type: string; readonly mimeType?: string; readonly data?: string }[];
  readonly isError: boolean;
}

async function call(name: string, args: Record<string, unknown>): Promise<Answer> {
  const answer = (await client.callTool({ name, arguments: args })) as unknown as {
    content: { type: string; text?: string }[];
    isError?: boolean;
  };
  const text = answer.content.map((part) => part.text ?? "").join("\n");
  return { text, content: answer.content, isError: answer.isError === true };
}

test("it says what it is and which tools it has", async () => {
  expect(client.getServerVersion()).toMatchObject({
    name: "orchestrator-executor",
    version: expect.stringMatching(/^\d+\.\d+/),
  });
  expect(client.getInstructions()).toMatch(/Languages: python.*matplotlib.*There is no network/s);
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name).sort()).toEqual([
    "file_get",
    "file_list",
    "file_put",
    "run_code",
    "session_create",
    "session_destroy",
    "session_list",
    "session_run",
  ]);
  for (const { name, description, inputSchema } of tools) {
    expect(description, name).toMatch(/^[A-Z].{30,}\.$/s);
    expect(inputSchema.additionalProperties, name).toBe(false);
  }
  const run = tools.find(({ name }) => name === "run_code")!;
  expect(run.inputSchema.required).toEqual(["language", "code"]);
  expect(JSON.stringify(run.inputSchema)).toContain('"enum":["python"');
});

describe("run_code", () => {
  test.each([
    ["python", "print(sum(range(10)))", "stdout:\n45"],
    ["javascript", "console.log([1, 2, 3].map((n) => n * 2).join())", "stdout:\n2,4,6"],
    ["bash", "echo $((6 * 7))", "stdout:\n42"],
    ["python", "{'a': 6 * 7}", "result:\n{'a': 42}"],
  ])("runs %s: %s", async (language, code, expected) => {
    const answer = await call("run_code", { language, code });
    expect(answer.text).toContain("verdict: ok");
    expect(answer.text).toContain(expected);
    expect(answer.isError).toBe(false);
  });

  test("gives a failure as an error with its traceback", async () => {
    const answer = await call("run_code", { language: "python", code: "x = 1\nprint(1 / 0)" });
    expect(answer.isError).toBe(true);
    expect(answer.text).toMatch(/verdict: error.*line 2.*ZeroDivisionError: division by zero/s);
  });

  test("puts files and standard input in, and quotes and shows what is left", async () => {
    const code = `import sys, matplotlib.pyplot as plt
open("out.txt", "w").write(open("in/a.txt").read().upper() + sys.stdin.read())
plt.plot([1, 3, 2]); plt.show()`;
    const answer = await call("run_code", { language: "python", code, files: { "in/a.txt": "abc " }, stdin: "fed" });
    expect(answer.text).toContain("out.txt (7 B):\nABC fed");
    const images = answer.content.filter(({ type }) => type === "image");
    expect(images).toHaveLength(1);
    expect(images[0]).toMatchObject({ mimeType: "image/png", data: expect.stringMatching(/^iVBORw0KGgo/) });
  });

  test("stops what takes too long, at the time that was asked for", async () => {
    const answer = await call("run_code", { language: "python", code: "while True: pass", timeLimit: 0.5 });
    expect(answer.text).toMatch(/verdict: timeout.*time limit of 500ms/s);
    expect(answer.isError).toBe(true);
  });

  test("keeps nothing and knows nothing of this machine", async () => {
    await call("run_code", { language: "bash", code: "echo left > /tmp/x; echo left > x" });
    const answer = await call("run_code", {
      language: "bash",
      code: "env; ls /tmp /work; cat /proc/*/environ | tr '\\0' '\\n'",
    });
    expect(answer.text).not.toMatch(/canary|left/);
  });

  test.each([
    [{ language: "cobol", code: "x" }, /language/],
    [{ language: "python" }, /code/],
    [{ language: "python", code: "x", timeLimit: 21 }, /timeLimit/],
    [{ language: "python", code: "x", memory: 1 }, /memory/],
    [{ language: "python", code: "x", files: { "../x": "" } }, /\.\.\/x/],
  ])("refuses %j", async (args, message) => {
    const refused = await call("run_code", args).catch((error: Error) => ({ text: error.message, isError: true }));
    expect(refused.isError).toBe(true);
    expect(refused.text).toMatch(message);
  });
});

describe("a session", () => {
  test("keeps variables and files, gives and takes files, and ends", async () => {
    const id = (await call("session_create", { language: "python" })).text;
    expect((await call("session_list", {})).text).toBe(`${id} python idle`);
    await call("session_run", { session: id, code: "x = 41" });
    expect((await call("session_run", { session: id, code: "x + 1" })).text).toContain("result:\n42");
    expect((await call("file_put", { session: id, name: "d/a.csv", content: "a,b\n1,2\n" })).text).toContain("8 bytes");
    await call("file_put", { session: id, name: "bytes", content: "AP8=", encoding: "base64" });
    expect(
      (await call("session_run", { session: id, code: "print(open('d/a.csv').read(), open('bytes','rb').read())" }))
        .text,
    ).toContain("a,b\n1,2\n b'\\x00\\xff'");
    expect((await call("file_list", { session: id })).text).toMatch(/^2 bytes\n8 d\/a\.csv$/m);
    expect((await call("file_get", { session: id, name: "d/a.csv" })).text).toBe("a,b\n1,2\n");
    expect((await call("file_get", { session: id, name: "bytes" })).content).toMatchObject([
      { type: "resource", resource: { blob: "AP8=" } },
    ]);
    for (const name of ["../x", "/etc/passwd", "none"])
      expect((await call("file_get", { session: id, name })).isError, name).toBe(true);
    expect(
      (await call("file_put", { session: id, name: "x", content: "no base64!", encoding: "base64" })).isError,
    ).toBe(true);
    await call("session_destroy", { session: id });
    const gone = await call("session_run", { session: id, code: "x" });
    expect(gone).toMatchObject({ isError: true, text: expect.stringContaining(`there is no session "${id}"`) });
    expect((await call("session_list", {})).text).toBe("no sessions");
  });

  test("that runs into its limit says that it has ended, and makes room", async () => {
    const first = (await call("session_create", { language: "python", timeLimit: 0.5 })).text;
    const second = (await call("session_create", { language: "python" })).text;
    expect(await call("session_create", { language: "python" })).toMatchObject({
      isError: true,
      text: expect.stringContaining("2 sessions already"),
    });
    const stopped = await call("session_run", { session: first, code: "while True: pass" });
    expect(stopped.text).toMatch(/verdict: timeout.*The session has ended/s);
    expect((await call("session_run", { session: first, code: "1" })).text).toMatch(/has ended.*session_create/);
    const third = await call("session_create", { language: "python" });
    expect(third.isError).toBe(false);
    await call("session_destroy", { session: second });
    await call("session_destroy", { session: third.text });
  });
});

test("a client that goes away takes everything with it", async () => {
  const id = (await call("session_create", { language: "python" })).text;
  await call("session_run", { session: id, code: "import subprocess; subprocess.Popen(['sleep', '987'])" });
  const { pid } = transport;
  await client.close();
  await expect.poll(() => stderr).toContain("closed in order");
  await expect.poll(() => isAlive(pid!)).toBe(false);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("nothing but this folder loads the protocol's library, and nothing but the command line loads this folder", () => {
  const edges = readImportGraph(fileURLToPath(new URL("../../src", import.meta.url))).filter(
    ({ kind }) => kind !== "type",
  );
  const library = edges.filter(({ to }) => to.startsWith("@modelcontextprotocol/"));
  expect(library.length).toBeGreaterThan(0);
  expect(library.filter(({ from }) => !from.startsWith("mcp/"))).toEqual([]);
  const loaders = edges.filter(({ from, to }) => to.startsWith("mcp/") && !from.startsWith("mcp/"));
  expect(loaders.filter(({ from }) => from !== "cli/commands/mcp.ts")).toEqual([]);
  // The command itself is loaded when it is given.
  const commands = edges.filter(({ to }) => to === "cli/commands/mcp.ts");
  expect(commands.filter(({ kind }) => kind !== "dynamic")).toEqual([]);
});
