/** The hostile programs of the catalogue, on virtual machines under software emulation. */
import { describe, vi } from "vitest";
import { vmUnderTest } from "../sandbox/vm/vm-under-test.js";
import { present } from "../support/require-component.js";
import { describeAttacks } from "./catalogue.js";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

describe.runIf(present("linux", "root", "qemu", "e2fsprogs", "bubblewrap", "util-linux", "python"))(
  "virtual machines",
  () => describeAttacks(vmUnderTest, "warm"),
);
