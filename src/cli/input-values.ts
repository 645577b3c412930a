/** Values of a pipeline's inputs, from `-i name=value` and `--inputs FILE`. */
import { readFileSync } from "node:fs";
import { SourceDocument } from "../pipeline/document.js";
import { UsageError } from "./exit-code.js";

export interface InputFlags {
  readonly input?: Readonly<Record<string, string>>;
  readonly inputs?: string;
}

/** All values that were given; `-i` wins over the file. */
export function readInputs({ input = {}, inputs }: InputFlags): Record<string, unknown> {
  return { ...(inputs === undefined ? {} : readInputFile(inputs)), ...input };
}

function readInputFile(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`--inputs ${file} cannot be read: ${(error as Error).message}`);
  }
  const { value } = new SourceDocument(file, text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError(`--inputs ${file} takes a map of input names and values`);
}
