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
    .description("Build an image from this machine's own interpreters and packages, or upon another image.")
    .option("--vm", "of a virtual machine: a disk and a kernel")
    .option("--docker", "of containers: kept by a Docker daemon")
    .option("-n, --name <name>", "name of the image (default; orchestrator-sandbox with --docker)")
    .option(
      "-p, --package <names...>",
      "Debian packages besides the usual ones; they must be installed here, unless --from",
    )
    .option("--include <paths...>", "files and folders to copy as they are: virtual environments, node_modules")
    .option("--from <image>", "with --docker: build on this image of Debian or a relative, by apt-get and pip")
    .option("--pip <requirements...>", "with --from: Python packages from PyPI")
    .option("--host <address>", "with --docker: the daemon, as unix:///path or tcp://host:port")
    .addHelpText(
      "after",
      `
Without --from an image holds Python with NumPy, pandas, Matplotlib and requests, Node.js and bash, as far as they are
installed here; no registry is asked. The kernel of a virtual machine is Debian's cloud kernel, which is downloaded and not
installed.

Examples:
  $ orchestrator images build --vm
  $ orchestrator images build --vm --package python3-scipy python3-sklearn
  $ orchestrator images build --docker --name science --package python3-scipy
  $ orchestrator images build --docker --name science --from python:3.12-slim-bookworm --pip numpy pandas`,
    )
    .action(lazily(async () => (await import("./commands/images.js")).buildImage));
}
