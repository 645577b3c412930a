/** Mode `sandboxed`: a pipeline that runs nothing but code in sandboxes, or nothing at all. */
import { type Pipeline, workKind } from "./pipeline.js";
import { PipelineError } from "./problem.js";

/** @throws PipelineError with every task that is no code, each with its place */
export function refuseUnsandboxed(pipeline: Pipeline): void {
  const problems = pipeline.tasks
    .filter(({ definition }) => workKind(definition) !== "code")
    .map(({ definition, path }) => {
      const kind = workKind(definition);
      const message = `runs outside of a sandbox, which mode "sandboxed" refuses; make it "code", or use mode "parallel"`;
      return pipeline.document.problem([...path, kind], message, "key");
    });
  if (problems.length > 0) throw new PipelineError(pipeline.file, problems);
}
