/**
 * A supervisor that is held up right when runs end. The end of a run is told by its server, over a line that all runs share, and
 * its output comes over pipes of its own: where this process is busy between being woken and reading, the end can be
 * heard in the very turn of the event loop that did not yet know of the output.
 */
import { afterAll, expect, test } from "vitest";
import { SandboxManager } from "#src/sandbox/sandbox-manager.js";
import { holdUp } from "../../runner/attempt.js";

const manager = new SandboxManager({
  defaults: { runtime: "process", timeLimit: 60, onUnsupported: ["memoryLimit", "cpuQuota"] },
});
afterAll(() => manager.close());

/** Prints, and waits; prints more, and ends. */
const program = (seconds: number) =>
  `import time\nprint("up", flush=True)\ntime.sleep(${seconds})\nprint("last", flush=True)`;

test("loses nothing of what was written last", async () => {
  let up = 0;
  let hasBegun!: () => void;
  const bothUp = new Promise<void>((resolve) => {
    hasBegun = resolve;
  });
  const onFirst = () => {
    if (++up === 2) hasBegun();
  };
  // Warm from the first: nothing else is to be done while they run.
  for (let round = 0; round < 3; round++) await manager.executeCode("1");
  let chunks = 0;
  const early = manager.executeCode(program(1), {
    onStdout: () => {
      if (++chunks === 1) onFirst();
      else {
        // The second turn: this process was woken for the early run alone, and while it is held up the late one ends.
        holdUp(2500);
        // The third: both ends have been heard, and any wait that they began is over before the next look at the pipes.
        setImmediate(() => holdUp(600));
      }
    },
  });
  const late = manager.executeCode(program(3), { onStdout: onFirst });
  await bothUp;
  // Once the spares that replace these two are there, nothing comes over the server's line. Only then does the kernel tell
  // what happens in the order in which it does: output, then end.
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 100));
  // The first turn: the early run writes its last words and ends, and both are there to be heard at once.
  holdUp(1200);
  expect((await early).output).toBe("up\nlast\n");
  expect((await late).output).toBe("up\nlast\n");
});
