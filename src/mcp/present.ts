/**
 * A sandbox's result as what a model reads: one text with what matters first, then pictures.
 *
 * Text is cut in its middle, because the beginning says what ran and the end says how it ended. Pictures that the code drew are shown; other
 * files are named, and small texts among them quoted.
 */
import type { SandboxArtifact, SandboxExecutionResult } from "../model/sandbox.js";
import { formatBytes, formatDurationMs } from "../model/units.js";

export type Content =
  | { type: "text"; text: string }
  | { type: "image"; data: string; mimeType: string }
  | { type: "resource"; resource: { uri: string; mimeType: string; blob: string } };

export interface Presented {
  content: Content[];
  isError: boolean;
  [key: string]: unknown;
}

const longestStream = 30_000;
const longestValue = 20_000;
const longestQuotedFile = 8_000;
const mostImages = 8;
/** All pictures of one answer together, before base64: clients take messages of 10 MB. */
const mostImageBytes = 5_000_000;

export function presentResult(result: SandboxExecutionResult): Presented {
  const { shown, text } = presentArtifacts(result.artifacts);
  const sections = [
    headline(result),
    ...streams(result),
    valueSection(result),
    errorSection(result),
    text,
    omitted(result),
  ];
  const body = sections.filter((section) => section !== "").join("\n\n");
  return { content: [{ type: "text", text: body }, ...shown], isError: !result.success };
}

export function presentText(text: string): Presented {
  return { content: [{ type: "text", text }], isError: false };
}

/** A refusal or failure of the tool itself, in words that say what to do. */
export function presentError(error: unknown): Presented {
  const message = error instanceof Error ? error.message : String(error);
  return { content: [{ type: "text", text: message }], isError: true };
}

/** One file: text as text, a picture as a picture, anything else as base64. */
export function presentFile(name: string, bytes: Uint8Array): Presented {
  const mimeType = imageType(bytes);
  const text = mimeType === undefined ? asText(bytes) : undefined;
  const data = Buffer.from(bytes).toString("base64");
  const content: Content =
    text !== undefined
      ? { type: "text", text }
      : mimeType !== undefined
        ? { type: "image", data, mimeType }
        : { type: "resource", resource: { uri: fileUri(name), mimeType: "application/octet-stream", blob: data } };
  return { content: [content], isError: false };
}

function headline(result: SandboxExecutionResult): string {
  const used = [formatDurationMs(result.executionTime * 1000)];
  if (result.resourceUsage.peakBytes !== undefined) used.push(`peak ${formatBytes(result.resourceUsage.peakBytes)}`);
  const exit = result.exitCode !== null && result.exitCode !== 0 ? `, exit code ${result.exitCode}` : "";
  const signal = result.signal === null ? "" : `, ${result.signal}`;
  return `verdict: ${result.verdict}${exit}${signal} (${used.join(", ")})`;
}

function streams(result: SandboxExecutionResult): string[] {
  const cut = result.truncated ? " (cut off at the output limit)" : "";
  return [
    result.stdout === "" ? "" : `stdout${cut}:\n${shorten(result.stdout, longestStream)}`,
    result.stderr === "" ? "" : `stderr${cut}:\n${shorten(result.stderr, longestStream)}`,
  ];
}

function valueSection(result: SandboxExecutionResult): string {
  if (result.valueOmitted !== undefined) return `result: not shown, ${result.valueOmitted}`;
  // Where nothing was printed, the output is the result as a notebook shows it, which reads better than its data.
  const notebook = result.stdout === "" && result.output !== "" ? result.output : undefined;
  if (notebook !== undefined) return `result:\n${shorten(notebook, longestValue)}`;
  if (result.value === undefined || result.value === null) return "";
  return `result:\n${shorten(JSON.stringify(result.value), longestValue)}`;
}

function errorSection({ error }: SandboxExecutionResult): string {
  if (error === undefined) return "";
  const told = error.traceback ?? `${error.type}: ${error.message}`;
  const also = told.includes(error.message) ? "" : `\n${error.message}`;
  return `error:\n${shorten(told, longestStream)}${also}`;
}

function omitted(result: SandboxExecutionResult): string {
  const left = result.artifactsOmitted.map(({ name, reason }) => `- ${name}: ${reason}`);
  return left.length === 0 ? "" : `files that were left behind:\n${left.slice(0, 20).join("\n")}`;
}

function presentArtifacts(artifacts: readonly SandboxArtifact[]): { shown: Content[]; text: string } {
  const shown: Content[] = [];
  const lines: string[] = [];
  let imageBytes = 0;
  for (const { name, bytes } of artifacts) {
    const mimeType = imageType(bytes);
    const fits = shown.length < mostImages && imageBytes + bytes.length <= mostImageBytes;
    if (mimeType !== undefined && fits) {
      imageBytes += bytes.length;
      shown.push({ type: "image", data: Buffer.from(bytes).toString("base64"), mimeType });
    }
    const text = mimeType === undefined && bytes.length <= longestQuotedFile ? asText(bytes) : undefined;
    const note =
      mimeType !== undefined && fits ? ", shown below" : text === undefined || text === "" ? "" : `:\n${text}`;
    lines.push(`- ${name} (${formatBytes(bytes.length)})${note}`);
  }
  return { shown, text: lines.length === 0 ? "" : `files:\n${shorten(lines.join("\n"), longestStream)}` };
}

/** The type of a picture that models take, by its first bytes. */
function imageType(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, 12)).toString("latin1");
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  if (head.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (head.startsWith("GIF8")) return "image/gif";
  return head.startsWith("RIFF") && head.endsWith("WEBP") ? "image/webp" : undefined;
}

/** The bytes as text where they are some. */
function asText(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function fileUri(name: string): string {
  return `file:///work/${name.split("/").map(encodeURIComponent).join("/")}`;
}

function shorten(text: string, longest: number): string {
  if (text.length <= longest) return text.trimEnd();
  const half = Math.floor(longest / 2);
  return `${text.slice(0, half)}\n[... ${text.length - 2 * half} characters left out ...]\n${text.slice(-half).trimEnd()}`;
}
