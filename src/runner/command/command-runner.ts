/** Carries out command work: a program of its own for each attempt. */
import { OrchestratorError } from "../../model/error.js";
import type { CommandWork } from "../../model/work.js";
import type { AttemptControl, AttemptListener, AttemptRequest, LimitEnforcement, Runner } from "../../port/runner.js";
import { processEnforcement } from "../enforcement.js";
import { CommandAttempt } from "./command-attempt.js";

export class CommandRunner implements Runner {
  readonly kind = "command";
  readonly #running = new Set<CommandAttempt>();
  /** Numbers of lanes that are free, so that workers have few names: a lane is used again when its command has ended. */
  readonly #freeLanes: number[] = [];
  #lanes = 0;
  #closed = false;

  start(request: AttemptRequest, listener: AttemptListener): AttemptControl {
    if (this.#closed) throw new OrchestratorError("EXECUTOR_CLOSED", "the runner of commands is closed");
    const lane = this.#freeLanes.pop() ?? ++this.#lanes;
    const attempt = new CommandAttempt(request, request.work as CommandWork, listener, `command-${lane}`);
    this.#running.add(attempt);
    void attempt.run().finally(() => {
      this.#running.delete(attempt);
      this.#freeLanes.push(lane);
    });
    return attempt;
  }

  enforcement(): readonly LimitEnforcement[] {
    return processEnforcement({
      memoryFallback: { limit: "memory", by: "admission", detail: "declared memory is counted, not held" },
      memoryDetail: "memory and swap of a command that declares memory, its whole tree together",
    });
  }

  /** Ends every command at once and waits until their trees are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    const reason = new OrchestratorError("EXECUTOR_CLOSED", "the runner of commands was closed");
    await Promise.all([...this.#running].map((attempt) => attempt.close(reason)));
  }
}
