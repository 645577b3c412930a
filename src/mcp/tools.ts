/** The tools that the server offers: what a model reads of them, what they take, and what they do. */
import type { McpServer, ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { SandboxConfig } from "../model/sandbox.js";
import { formatDurationMs } from "../model/units.js";
import type { SandboxAccess } from "./access.js";
import { type Presented, presentError, presentFile, presentResult, presentText } from "./present.js";
import type { ClientSessions } from "./sessions.js";

export interface ToolSettings {
  readonly access: SandboxAccess;
  readonly sessions: ClientSessions;
  readonly config: SandboxConfig;
  /** Longest time limit that a call may ask for, which is the default too. */
  readonly maxTimeMs: number;
  readonly languages: readonly [string, ...string[]];
}

const longestCode = 1_000_000;
const longestFile = 5_000_000;
const session = z.string().min(1).max(200).describe("Id that session_create gave");
const fileName = z
  .string()
  .min(1)
  .max(1000)
  .describe('Path in the session\'s working folder, such as "data/input.csv"');
const code = z.string().max(longestCode);

export function registerTools(server: McpServer, settings: ToolSettings): void {
  registerRunCode(server, settings);
  registerSessions(server, settings);
  registerFiles(server, settings);
}

function registerRunCode(server: McpServer, { access, config, maxTimeMs, languages }: ToolSettings): void {
  const most = formatDurationMs(maxTimeMs);
  server.registerTool(
    "run_code",
    {
      title: "Run code",
      description:
        "Runs one program in a fresh, locked sandbox and gives back what it printed, its result, and the pictures and files that it wrote to its " +
        "working folder. Nothing is kept for the next call: use session_create for that. In Python the last expression, or the " +
        "variable `result`, is the result, as in a notebook, and open matplotlib figures come back as pictures.",
      inputSchema: z.strictObject({
        language: z.enum(languages).describe("Language of the program"),
        code: code.describe("The whole program"),
        files: z
          .record(z.string(), z.string())
          .optional()
          .describe("Text files to put into the working folder first, by relative path"),
        stdin: z.string().optional().describe("What the program reads from standard input"),
        timeLimit: timeLimit(maxTimeMs).describe(
          `Seconds after which the program is stopped. Default and maximum: ${most}`,
        ),
      }),
      annotations: { openWorldHint: false, destructiveHint: false },
    },
    ({ language, code: source, files, stdin, timeLimit: seconds }, context) =>
      answer(async () => {
        const options = {
          language,
          signal: context.mcpReq.signal,
          ...(files === undefined ? {} : { files }),
          ...(stdin === undefined ? {} : { stdin }),
        };
        const limited = { ...config, timeLimit: seconds ?? maxTimeMs / 1000 };
        return presentResult(await access.executeCode(source, options, limited));
      }),
  );
}

function registerSessions(server: McpServer, settings: ToolSettings): void {
  const { access, sessions, config, maxTimeMs, languages } = settings;
  server.registerTool(
    "session_create",
    {
      title: "Create a session",
      description:
        "Makes a sandbox that keeps its variables, imports and files between pieces of code. Gives its id. It ends when it is destroyed, is not used for a " +
        "while, or runs into a limit; what it held is gone then.",
      inputSchema: z.strictObject({
        language: z.enum(languages).describe("Language of the code that it will be given"),
        timeLimit: timeLimit(maxTimeMs).describe("Seconds that one piece of code may take"),
      }),
    },
    ({ language, timeLimit: seconds }) =>
      answer(async () => {
        const made = await sessions.create(() =>
          access.createSession({ ...config, language, timeLimit: seconds ?? maxTimeMs / 1000 }),
        );
        return presentText(made.id);
      }),
  );
  server.registerTool(
    "session_run",
    {
      title: "Run code in a session",
      description:
        "Runs one more piece of code in a session, with all that earlier pieces left. A piece that hits a limit ends the session.",
      inputSchema: z.strictObject({ session, code: code.describe("The piece of code") }),
      annotations: { openWorldHint: false, destructiveHint: false },
    },
    ({ session: id, code: source }, context: ServerContext) =>
      answer(async () => {
        const used = sessions.get(id);
        const presented = presentResult(await used.executeCode(source, { signal: context.mcpReq.signal }));
        if (used.state === "ended")
          presented.content.push({
            type: "text",
            text: `The session has ended: ${used.end?.message ?? "it was closed"}`,
          });
        return presented;
      }),
  );
  server.registerTool(
    "session_destroy",
    {
      title: "Destroy a session",
      description: "Ends a session and everything that runs in it, and deletes its files.",
      inputSchema: z.strictObject({ session }),
      annotations: { destructiveHint: true, idempotentHint: true },
    },
    ({ session: id }) =>
      answer(async () => {
        await sessions.destroy(id);
        return presentText(`session ${id} is destroyed`);
      }),
  );
  server.registerTool(
    "session_list",
    {
      title: "List sessions",
      description: "Names the sessions with their language and whether they are idle, running or ended.",
      inputSchema: z.strictObject({}),
      annotations: { readOnlyHint: true },
    },
    () =>
      answer(async () => {
        const lines = sessions.list().map(({ id, language, state }) => `${id} ${language} ${state}`);
        return presentText(lines.length === 0 ? "no sessions" : lines.join("\n"));
      }),
  );
}

function registerFiles(server: McpServer, { sessions }: ToolSettings): void {
  server.registerTool(
    "file_put",
    {
      title: "Put a file",
      description: "Writes a file into a session's working folder, over one of the same name.",
      inputSchema: z.strictObject({
        session,
        name: fileName,
        content: z.string().max(longestFile).describe("The file's content"),
        encoding: z
          .enum(["utf8", "base64"])
          .default("utf8")
          .describe("How the content is written: base64 for bytes that are no text"),
      }),
    },
    ({ session: id, name, content, encoding }) =>
      answer(async () => {
        const bytes = encoding === "utf8" ? Buffer.from(content, "utf8") : fromBase64(content);
        await sessions.get(id).putFile(name, bytes);
        return presentText(`wrote ${bytes.length} bytes to ${name}`);
      }),
  );
  server.registerTool(
    "file_get",
    {
      title: "Get a file",
      description:
        "Reads a file of a session's working folder: text as text, a picture as a picture, anything else as base64.",
      inputSchema: z.strictObject({ session, name: fileName }),
      annotations: { readOnlyHint: true },
    },
    ({ session: id, name }) =>
      answer(async () => {
        const bytes = await sessions.get(id).getFile(name);
        if (bytes.length > longestFile)
          throw new Error(
            `${name} has ${bytes.length} bytes, and at most ${longestFile} can be given at once; read it in parts with session_run`,
          );
        return presentFile(name, bytes);
      }),
  );
  server.registerTool(
    "file_list",
    {
      title: "List files",
      description: "Names the files of a session's working folder with their sizes in bytes.",
      inputSchema: z.strictObject({ session }),
      annotations: { readOnlyHint: true },
    },
    ({ session: id }) =>
      answer(async () => {
        const files = await sessions.get(id).listFiles();
        return presentText(
          files.length === 0 ? "no files" : files.map(({ name, size }) => `${size} ${name}`).join("\n"),
        );
      }),
  );
}

function timeLimit(maxTimeMs: number) {
  return z
    .number()
    .min(0.05)
    .max(maxTimeMs / 1000)
    .optional();
}

/** What went wrong is an answer too, so that the model can read it and do better. */
async function answer(work: () => Promise<Presented>): Promise<Presented> {
  try {
    return await work();
  } catch (error) {
    return presentError(error);
  }
}

function fromBase64(text: string): Buffer {
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) throw new Error("content is no base64");
  return Buffer.from(text, "base64");
}
