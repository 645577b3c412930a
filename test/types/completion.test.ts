/**
 * What an editor offers where people type, asked of the compiler's own language server. Editors list what must be given before what may, and
 * each by name; nothing of ours can change that order. What is ours is how much is offered, and that what is needed
 * first stands among the first: lists are short, hold nothing internal, and are kept in offers.txt for whoever changes them to see.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const workshop = join(root, ".out/completion");

const declared = `import { command, ParallelExecutor, type SandboxConfig, SandboxExecutor, TaskGraph, type RunResults, type Task } from "orchestrator-executor";
declare const executor: ParallelExecutor, graph: TaskGraph, sandbox: SandboxExecutor, results: RunResults, run: ReturnType<ParallelExecutor["run"]>;
`;
/** What is typed, with the cursor at `|`. */
const typed = [
  "executor.|",
  "graph.|",
  "run.|",
  "results.|",
  "sandbox.|",
  "export const task: Task = { | };",
  'graph.task("a", () => 1, { | });',
  'graph.task("a", { }, () => 1, { | });',
  "new ParallelExecutor({ | });",
  "executor.run(graph, { | });",
  "export const config: SandboxConfig = { | };",
  'sandbox.executeCode("1", { | });',
  'command(["ls"], { | });',
];

interface Offer {
  readonly label: string;
  readonly sortText?: string;
}

/** The compiler as a language server: messages of JSON-RPC, each behind a header with its length. */
class LanguageServer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #bytes = Buffer.alloc(0);
  #last = 0;

  constructor() {
    this.#child = spawn(join(root, "node_modules/.bin/tsc"), ["--lsp", "--stdio"], {
      cwd: workshop,
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.#child.stdout!.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  tell(method: string, params: object): void {
    this.#send({ method, params });
  }

  ask(method: string, params: object): Promise<unknown> {
    const id = ++this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send({ id, method, params });
    });
  }

  close(): void {
    this.#child.kill();
  }

  #send(message: object): void {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.#child.stdin!.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }

  #read(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      const length = Number(/Content-Length: (\d+)/i.exec(this.#bytes.subarray(0, Math.max(0, end)).toString())?.[1]);
      if (end < 0 || this.#bytes.length < end + 4 + length) return;
      this.#hear(JSON.parse(this.#bytes.subarray(end + 4, end + 4 + length).toString()));
      this.#bytes = this.#bytes.subarray(end + 4 + length);
    }
  }

  #hear({ id, method, result }: { id?: number; method?: string; result?: unknown }): void {
    if (id === undefined) return;
    // What it wants to know of the editor has its defaults.
    if (method !== undefined) this.#send({ id, result: null });
    else this.#waiting.get(id)?.(result);
  }
}

let server: LanguageServer;
beforeAll(async () => {
  mkdirSync(workshop, { recursive: true });
  const config = {
    extends: "../../tsconfig.base.json",
    compilerOptions: { noEmit: true, rootDir: "../.." },
    include: ["."],
  };
  writeFileSync(join(workshop, "tsconfig.json"), JSON.stringify(config));
  server = new LanguageServer();
  await server.ask("initialize", { processId: process.pid, rootUri: `file://${workshop}`, capabilities: {} });
  server.tell("initialized", {});
});
afterAll(() => server.close());

async function offersAt(place: number): Promise<Offer[]> {
  const uri = `file://${workshop}/typed-${place}.ts`;
  const line = typed[place]!;
  const text = declared + line.replace("|", "");
  server.tell("textDocument/didOpen", { textDocument: { uri, languageId: "typescript", version: 1, text } });
  const position = { line: declared.split("\n").length - 1, character: line.indexOf("|") };
  const answer = await server.ask("textDocument/completion", { textDocument: { uri }, position });
  const { items } = answer as { readonly items: Offer[] };
  // As editors do.
  const key = ({ label, sortText }: Offer) => `${sortText ?? label} ${label}`;
  return items.sort((one, other) => (key(one) < key(other) ? -1 : 1));
}

test("what an editor offers is short, is what is public, and is what it was", async () => {
  const lists: string[] = [];
  for (const place of typed.keys()) {
    const labels = (await offersAt(place)).map(({ label }) => label);
    expect(labels.length, typed[place]).toBeLessThanOrEqual(25);
    expect(labels.filter((label) => /^[_#$]/.test(label))).toEqual([]);
    lists.push(`${typed[place]}\n  ${labels.join(" ")}\n`);
  }
  await expect(lists.join("\n")).toMatchFileSnapshot("completion/offers.txt");
});

test.each([
  [1, ["forEach", "loop", "name", "task", "tasks"]],
  [5, ["id", "run"]],
])("what is needed first is offered first (%i)", async (place, first) => {
  const labels = (await offersAt(place)).map(({ label }) => label);
  expect(labels.slice(0, first.length)).toEqual(first);
});
