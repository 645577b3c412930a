/** `orchestrator graph`: draws the tasks of a pipeline. */
import { loadPipeline } from "../../pipeline/load.js";
import { type ExitCode, exitCode } from "../exit-code.js";
import { drawForDot } from "../render/dot.js";
import { viewOf } from "../render/graph-view.js";
import { drawForMermaid } from "../render/mermaid.js";
import { makeStyle } from "../render/style.js";
import { drawForTerminal } from "../render/terminal-graph.js";

export type GraphFormat = "terminal" | "mermaid" | "dot";

export async function graph(file: string, options: { readonly format: GraphFormat }): Promise<ExitCode> {
  const view = viewOf(loadPipeline(file));
  const drawings: Readonly<Record<GraphFormat, () => string>> = {
    terminal: () => drawForTerminal(view, makeStyle(process.stdout)),
    mermaid: () => drawForMermaid(view),
    dot: () => drawForDot(view),
  };
  process.stdout.write(drawings[options.format]());
  return exitCode.succeeded;
}
