/** The QEMU of this host. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { qemuPath } from "./machine/machine.js";

const run = promisify(execFile);

let asked: Promise<string> | undefined;

/** What it says of itself; a snapshot is good for the very QEMU that saved it. `""` where there is none. */
export function qemuVersion(): Promise<string> {
  asked ??= run(qemuPath, ["--version"], { env: {}, timeout: 10_000 }).then(
    ({ stdout }) => stdout.split("\n")[0]!,
    () => {
      asked = undefined;
      return "";
    },
  );
  return asked;
}
