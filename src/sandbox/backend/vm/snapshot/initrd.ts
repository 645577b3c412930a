/** The first root of a guest: busybox, the modules of the image, and this package's own agent. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type CpioEntry, cpioFile, cpioFolder, cpioProgram, makeCpio } from "../image/cpio.js";
import type { VmImage } from "../image/image-store.js";
import { agentFiles, guestInit } from "../plan.js";

/** @param init the first program, which starts the agent. */
export function makeInitrd(image: VmImage, init = guestInit()): Buffer {
  const folder = (name: string): CpioEntry => ({ name, mode: cpioFolder });
  const modules = image.modules.map((name): CpioEntry => {
    const content = readFileSync(join(image.folder, "modules", `${name}.ko`));
    return { name: `modules/${name}.ko`, mode: cpioFile, content };
  });
  const agent = [...agentFiles()].map(
    ([name, content]): CpioEntry => ({ name: `agent/${name}`, mode: cpioFile, content }),
  );
  return makeCpio([
    folder("bin"),
    folder("dev"),
    { name: "bin/busybox", mode: cpioProgram, content: readFileSync(join(image.folder, "busybox")) },
    { name: "init", mode: cpioProgram, content: init },
    folder("modules"),
    { name: "modules/order", mode: cpioFile, content: Buffer.from(`${image.modules.join("\n")}\n`) },
    ...modules,
    folder("agent"),
    ...agent,
  ]);
}
