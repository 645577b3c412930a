/** The commands that build what containers and virtual machines are started from: their arguments and help. */
import type { Command } from "commander";
import type { ExitCode } from "./exit-code.js";

type Action = (...args: never[]) => Promise<ExitCode>;
type Lazily = (load: () => Promise<Action>) => (...args: unknown[]) => Promise<void>;

export function addImageCommands(root: Command, lazily: Lazily): void {
  const images = root.command("images").description("Build images for sandboxes.");
  images
    .command("build")
    .exitOverride()
    .showHelpAfterError("(--help shows what is taken)")
    .description("Build an image from this machine's own interpreters and packages.")
    .option("--vm", "of a virtual machine: a disk and a kernel")
    .option("-n, --name <name>", "name of the image (default)")
    .option("-p, --package <names...>", "Debian packages besides the usual ones; they must be installed here")
    .option("--include <paths...>", "files and folders to copy as they are: virtual environments, node_modules")
    .addHelpText(
      "after",
      `
A disk holds Python with NumPy, pandas, Matplotlib and requests, Node.js and bash, as far as they are installed here. The
kernel is Debian's cloud kernel, which is downloaded and not installed.

Examples:
  $ orchestrator images build --vm
  $ orchestrator images build --vm --package python3-scipy python3-sklearn`,
    )
    .action(lazily(async () => (await import("./commands/images.js")).buildImage));
}
