/** What a command wrote before it exited is its output, however late this process comes to read it. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { CapturedOutput, readToEnd } from "#src/runner/command/output.js";

it.skipIf(process.platform !== "linux")(
  "is read although the process was held up past the end of the wait",
  async () => {
    // The last process of the shell keeps the pipe open, as a daemon would that a command has left behind.
    const child = spawn("/bin/sh", ["-c", "printf written; exec /bin/sleep 600"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    try {
      const output = new CapturedOutput(child.stdout, { maximumBytes: 1000, onLine() {}, onLimit() {} });
      const reading = readToEnd([output], 1);
      // Nothing of this process runs until all is written: the end of the wait and the full pipe are then due at once.
      while (readFileSync(`/proc/${child.pid}/comm`, "utf8").trim() !== "sleep");
      await reading;
      expect(output.text()).toBe("written");
    } finally {
      child.kill("SIGKILL");
    }
  },
);
