/**
 * Reads the text of a pipeline file, YAML or JSON, into plain data that remembers where each part stood.
 *
 * A file may come from anybody, so it is bounded before it costs anything: its size, its nesting (looked for in the
 * token stream, before the parser builds a tree, which for hostile nesting takes gigabytes), and the number of values
 * after aliases are expanded ("billion laughs"). The yaml package's own conversion to JavaScript is not used: this one
 * counts as it goes, refuses an alias inside its own anchor, and gives every error a place.
 */
import { isScalar, Lexer, type Node, parseDocument } from "yaml";
import { NodeReader, rangeOf } from "./document-nodes.js";
import {
  codeFrame,
  findLineStarts,
  PipelineError,
  type PipelineProblem,
  positionOf,
  type SourceRange,
} from "./problem.js";

export const documentLimits = { bytes: 1_048_576, depth: 64, values: 100_000 } as const;

/** Where in a document: keys and indices from its top. */
export type DocumentPath = readonly (string | number)[];

/** A parsed file. `value` shares no objects, has no cycles and only strings as keys. */
export class SourceDocument {
  readonly file: string;
  readonly text: string;
  readonly value: unknown;
  readonly #root: Node | null;
  readonly #reader: NodeReader;
  readonly #lineStarts: readonly number[];

  /** @throws PipelineError that tells every error of the syntax, or the limit that the text is beyond. */
  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    this.#lineStarts = findLineStarts(text);
    this.#refuseExcess();
    const document = parseDocument(text, { prettyErrors: false, stringKeys: true, logLevel: "error" });
    const problems = this.#syntaxProblems(document.errors);
    for (const warning of document.warnings)
      problems.push(this.problemAt({ start: warning.pos[0], end: warning.pos[1] }, "", plainerSyntax(warning.message)));
    if (problems.length > 0) throw new PipelineError(file, problems.slice(0, 20));
    this.#root = document.contents as Node | null;
    this.#reader = new NodeReader(this.#root, documentLimits, (node, message) => {
      throw new PipelineError(file, [this.problemAt(rangeOf(node), "", message)]);
    });
    this.value = this.#reader.read();
  }

  /** A problem with the value (or, with `part: "key"`, the key) at `path`, or at the nearest part above it that the text has. */
  problem(path: DocumentPath, message: string, part: "key" | "value" = "value"): PipelineProblem {
    return this.problemAt(this.locate(path, part), describePath(path), message);
  }

  /** A problem with a piece of the string at `path`; `offset` and `length` are in that string. */
  problemInString(path: DocumentPath, offset: number, length: number, message: string): PipelineProblem {
    const node = this.#nodesAt(path).value;
    const range = node === undefined ? this.locate(path) : this.#rangeInScalar(node, offset, length);
    return this.problemAt(range, describePath(path), message);
  }

  problemAt(range: SourceRange, where: string, message: string): PipelineProblem {
    const { line, column } = positionOf(this.#lineStarts, range.start);
    return { where, message, line, column, frame: codeFrame(this.text, this.#lineStarts, range) };
  }

  /** The characters of the value or key at `path`, or of the nearest part above it. */
  locate(path: DocumentPath, part: "key" | "value" = "value"): SourceRange {
    for (let length = path.length; length > 0; length--) {
      const { key, value } = this.#nodesAt(path.slice(0, length));
      const node = part === "key" || length < path.length ? (key ?? value) : (value ?? key);
      if (node !== undefined) return rangeOf(node);
    }
    return { start: 0, end: Math.min(1, this.text.length) };
  }

  #nodesAt(path: DocumentPath): { key?: Node; value?: Node } {
    let key: Node | undefined;
    let value: Node | undefined | null = this.#root;
    for (const step of path) {
      const pair = this.#reader.step(value, step);
      if (pair === undefined) return {};
      key = pair.key;
      value = pair.value;
    }
    return { ...(key && { key }), ...(value && { value }) };
  }

  /** Finds the piece of a scalar in the text, where the text has it as it is; otherwise the whole scalar. */
  #rangeInScalar(node: Node, offset: number, length: number): SourceRange {
    const range = rangeOf(node);
    if (!isScalar(node) || typeof node.value !== "string") return range;
    const piece = node.value.slice(offset, offset + length);
    const raw = this.text.slice(range.start, range.end);
    let from = 0;
    for (let seen = node.value.indexOf(piece); seen !== -1 && seen < offset && piece !== ""; ) {
      from = raw.indexOf(piece, from) + 1;
      seen = node.value.indexOf(piece, seen + 1);
    }
    const at = piece === "" ? -1 : raw.indexOf(piece, from);
    return at === -1 ? range : { start: range.start + at, end: range.start + at + piece.length };
  }

  #syntaxProblems(errors: readonly ParserError[]): PipelineProblem[] {
    const unclosed = errors.find(({ code, message }) => code === "MISSING_CHAR" && message.includes("quote"));
    // A quote that is not closed swallows what follows: what the parser then says of the rest is not true.
    if (unclosed !== undefined) return [this.problemAt(findUnclosedQuote(this.text), "", "this quote is not closed")];
    const problems = errors.map(({ code, message, pos: [start, end] }) =>
      this.problemAt({ start, end }, "", this.#colonInValue(code, start) ?? plainerSyntax(message, code)),
    );
    // One mistake often gives several errors at one place: the first tells it best.
    return problems.filter((problem, index) => problem.line !== problems[index - 1]?.line);
  }

  /** `a: ${{ b ? c : d }}` is a key within a value to YAML. */
  #colonInValue(code: string, start: number): string | undefined {
    const isKeyInValue = code === "BLOCK_AS_IMPLICIT_KEY" || code === "MULTILINE_IMPLICIT_KEY";
    const line = this.text.slice(start, this.text.indexOf("\n", start) >>> 0);
    if (!isKeyInValue || !/\S.*: /.test(line.replace(/^:/, ""))) return undefined;
    return "a colon and a space within a value begin another key; put the value in quotes";
  }

  #refuseExcess(): void {
    const bytes = Buffer.byteLength(this.text);
    const refuse = (start: number, message: string): never => {
      throw new PipelineError(this.file, [this.problemAt({ start, end: start + 1 }, "", message)]);
    };
    if (bytes > documentLimits.bytes) throw new PipelineError(this.file, [tooLarge(bytes)]);
    const deep = findExcessiveDepth(this.text);
    if (deep !== undefined) refuse(deep, `nested deeper than ${documentLimits.depth} levels`);
  }
}

/** The problem of a file beyond the size limit; it has no place. */
export function tooLarge(bytes: number): PipelineProblem {
  const message = `has ${bytes} bytes; a pipeline file has at most ${documentLimits.bytes} (1 MiB)`;
  return { where: "", message, line: 0, column: 0, frame: "" };
}

/** `tasks.clean.with.rows[2]` */
export function describePath(path: DocumentPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[\w$-]+$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** Offset of the first token that opens too deep a level, by flow brackets, indicators on one line, or indentation. */
function findExcessiveDepth(text: string): number | undefined {
  let offset = 0;
  let flowDepth = 0;
  let indicators = 0;
  let lineStart = true;
  for (const token of new Lexer().lex(text)) {
    if (token === "[" || token === "{") flowDepth++;
    else if (token === "]" || token === "}") flowDepth--;
    else if (token === "-" || token === "?" || token === ":" || /^[&!]/.test(token)) indicators++;
    const indented = lineStart && /^[ \t]+$/.test(token) && token.length > documentLimits.depth * 4;
    if (flowDepth > documentLimits.depth || indicators > documentLimits.depth * 2 || indented) return offset;
    lineStart = token.endsWith("\n");
    if (lineStart && flowDepth === 0) indicators = 0;
    if (!isControlToken(token)) offset += token.length;
  }
  return undefined;
}

interface ParserError {
  readonly code: string;
  readonly message: string;
  readonly pos: readonly [number, number];
}

/** The last quoted string in the text that does not end as it began. */
function findUnclosedQuote(text: string): SourceRange {
  let offset = 0;
  let found = 0;
  for (const token of new Lexer().lex(text)) {
    if (isControlToken(token)) continue;
    const quote = token[0];
    if ((quote === '"' || quote === "'") && (token.length === 1 || !token.endsWith(quote))) found = offset;
    offset += token.length;
  }
  return { start: found, end: found + 1 };
}

/** Tokens of the lexer that stand for no text. */
function isControlToken(token: string): boolean {
  return token === "\x02" || token === "\x1f" || token === "\x18";
}

/** The words of the parser, for somebody who does not know its vocabulary. */
function plainerSyntax(message: string, code = ""): string {
  switch (code) {
    case "DUPLICATE_KEY":
      return "this key is there twice";
    case "MULTIPLE_DOCS":
      return "a pipeline file holds one document; remove this `---`";
    case "TAB_AS_INDENT":
      return "YAML is indented with spaces, not tabs";
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY":
      return "the lines that follow are indented as if they belonged to this value";
    case "NON_STRING_KEY":
      return "keys are plain text";
    case "BAD_SCALAR_START":
      return `${message}; put the value in quotes`;
    default:
      return message.startsWith("Unresolved tag") ? "tags (!name) are not taken" : lowerFirst(message);
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
