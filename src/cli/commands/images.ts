/** `orchestrator images build`: what virtual machines and containers are started from. */
import { type ExitCode, exitCode, UsageError } from "../exit-code.js";

export interface BuildImageFlags {
  readonly vm?: boolean;
  readonly docker?: boolean;
  readonly name?: string;
  readonly package?: readonly string[];
  readonly include?: readonly string[];
  readonly from?: string;
  readonly pip?: readonly string[];
  readonly host?: string;
}

const ofContainers = ["from", "pip", "host"] as const;

export async function buildImage(flags: BuildImageFlags): Promise<ExitCode> {
  if ((flags.vm === true) === (flags.docker === true))
    throw new UsageError("say what the image is of: --vm or --docker");
  if (flags.docker === true) return buildForContainers(flags);
  const foreign = ofContainers.find((name) => flags[name] !== undefined);
  if (foreign !== undefined) throw new UsageError(`--${foreign} is for --docker`);
  const { buildVmImage } = await import("../../sandbox/backend/vm/image/build-image.js");
  const image = await buildVmImage({ ...commonOptions(flags) });
  const packages = Object.keys(image.packages).length;
  process.stdout.write(
    `image ${image.name}: ${packages} packages, kernel ${image.kernelVersion}, in ${image.folder}\n`,
  );
  return exitCode.succeeded;
}

async function buildForContainers(flags: BuildImageFlags): Promise<ExitCode> {
  const { buildDockerImage } = await import("../../sandbox/backend/docker/image/build-image.js");
  const { from, pip, host } = flags;
  const image = await buildDockerImage({
    ...commonOptions(flags),
    ...(from === undefined ? {} : { from }),
    ...(pip === undefined ? {} : { pip }),
    ...(host === undefined ? {} : { host }),
  });
  process.stdout.write(`image ${image.name}: ${image.id}\n`);
  process.stderr.write(
    `use it with docker: { image: ${JSON.stringify(image.name)} }, or orchestrator exec --runtime docker --image ${image.name}\n`,
  );
  return exitCode.succeeded;
}

function commonOptions(flags: BuildImageFlags) {
  return {
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.package === undefined ? {} : { packages: flags.package }),
    ...(flags.include === undefined ? {} : { include: flags.include }),
    onProgress: (message: string) => void process.stderr.write(`${message}\n`),
  };
}
