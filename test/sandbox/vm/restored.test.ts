/** Guests that are restored from one saved state, and share nothing that would tell them apart if it were not made anew (S26). */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { present } from "../../support/require-component.js";
import { executorOf } from "../conformance/backend-under-test.js";
import { vmUnderTest } from "./vm-under-test.js";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

describe.runIf(present("linux", "qemu", "e2fsprogs", "bubblewrap", "util-linux", "python"))("restored guests", () => {
  beforeAll(() => vmUnderTest.start?.());
  afterAll(() => vmUnderTest.stop?.());

  test("draw other random numbers from every source, and have the host's clock", async () => {
    await using executor = executorOf(vmUnderTest, { timeLimit: 240 });
    const draw = `import os, random, secrets, ssl, tempfile, time, uuid
key = open("/proc/sys/kernel/random/uuid").read().strip()
result = {"numbers": [random.random(), os.urandom(16).hex(), secrets.token_hex(16), ssl.RAND_bytes(16).hex(), uuid.uuid4().hex,
  key, os.getrandom(16, os.GRND_NONBLOCK).hex(), os.path.basename(tempfile.mkdtemp())], "time": time.time()}`;
    const runs: { readonly numbers: readonly unknown[]; readonly time: number }[] = [];
    for (let run = 0; run < 3; run++) {
      const before = Date.now() / 1000;
      const result = await executor.executeCode(draw);
      expect(result.verdict, `${result.error?.message}\n${result.stderr}`).toBe("ok");
      const value = result.value as (typeof runs)[number];
      // A clock that had stood still with the saved state would be as late as that is old; each of these is later than the last.
      expect(value.time).toBeGreaterThan(before - 1);
      expect(value.time).toBeLessThan(Date.now() / 1000 + 1);
      runs.push(value);
    }
    for (let source = 0; source < runs[0]!.numbers.length; source++) {
      const drawn = runs.map(({ numbers }) => numbers[source]);
      expect(new Set(drawn).size, `source ${source}: ${drawn}`).toBe(runs.length);
    }
  });
});
