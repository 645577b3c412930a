/**
 * The contract of every backend, on virtual machines under software emulation. The hostile programs are in `../../attack/vm.test.ts`.
 *
 * A guest is restored for every run, which takes a second or two where it is emulated: by default the chapter on languages runs,
 * and with `ORCHESTRATOR_VM_FULL=1` all of them.
 */
import { describe, vi } from "vitest";
import { present } from "../../support/require-component.js";
import { chapters, describeConformance } from "../conformance/suite.js";
import { vmUnderTest } from "./vm-under-test.js";

const isHere = present(
  ...(["linux", "qemu", "e2fsprogs", "bubblewrap", "util-linux", "python", "numpy", "pandas", "matplotlib"] as const),
);
const names = (Object.keys(chapters) as (keyof typeof chapters)[]).filter(
  (name) =>
    process.env.ORCHESTRATOR_VM_FULL === "1" ||
    name === "languages, warm" ||
    name === "network" ||
    name === "hostile clients",
);

// A first run of a view of packages boots a guest, which is emulated.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

describe.runIf(isHere)("virtual machines", () => describeConformance(vmUnderTest, names));
