/** HumanEval (Chen et al. 2021, MIT): 164 problems, each with a solution and a test, where the data is there. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

export interface Problem {
  readonly id: string;
  /** A program that exits with 0. */
  readonly right: string;
  /** The same with a body that does nothing: a program that fails. */
  readonly wrong: string;
}

const path = fileURLToPath(new URL("../../../../shared/data/humaneval/HumanEval.jsonl.gz", import.meta.url));

/** `undefined` where there is no data. */
export function readProblems(): readonly Problem[] | undefined {
  let packed: Buffer;
  try {
    packed = readFileSync(path);
  } catch {
    return undefined;
  }
  const lines = gunzipSync(packed).toString("utf8").trim().split("\n");
  return lines.map((line) => {
    const { task_id, prompt, canonical_solution, test, entry_point } = JSON.parse(line) as Record<string, string>;
    const check = `\n${test}\ncheck(${entry_point})`;
    return {
      id: task_id!,
      right: `${prompt}${canonical_solution}${check}`,
      wrong: `${prompt}    return None\n${check}`,
    };
  });
}
