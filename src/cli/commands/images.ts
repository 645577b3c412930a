/** `orchestrator images build`: what virtual machines are started from. */
import { type ExitCode, exitCode, UsageError } from "../exit-code.js";

export interface BuildImageFlags {
  readonly vm?: boolean;
  readonly name?: string;
  readonly package?: readonly string[];
  readonly include?: readonly string[];
}

export async function buildImage(flags: BuildImageFlags): Promise<ExitCode> {
  if (flags.vm !== true) throw new UsageError("say what the image is of: --vm");
  const { buildVmImage } = await import("../../sandbox/backend/vm/image/build-image.js");
  const image = await buildVmImage({
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.package === undefined ? {} : { packages: flags.package }),
    ...(flags.include === undefined ? {} : { include: flags.include }),
    onProgress: (message) => process.stderr.write(`${message}\n`),
  });
  const packages = Object.keys(image.packages).length;
  process.stdout.write(
    `image ${image.name}: ${packages} packages, kernel ${image.kernelVersion}, in ${image.folder}\n`,
  );
  return exitCode.succeeded;
}
