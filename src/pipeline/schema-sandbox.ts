/** The part of the pipeline file's schema that says how code is locked in. */
import * as z from "zod";
import { degradableLimits, type SandboxConfig, sandboxIsolations } from "../model/sandbox.js";
import { duration, size } from "./schema-values.js";

const sandboxShape = {
  runtime: z.enum(["auto", "process", "docker", "vm"]).optional().meta({
    description: "What carries the sandbox. Default auto: the fastest that holds every limit and minIsolation.",
  }),
  minIsolation: z.enum(sandboxIsolations).optional().meta({
    description: "The weakest wall that will do. Default namespaces.",
  }),
  docker: z
    .strictObject({
      host: z.string().min(1).optional().meta({ description: "The daemon: unix:///path or tcp://host:port." }),
      image: z
        .union([z.string().min(1), z.record(z.string().min(1), z.string().min(1))])
        .optional()
        .meta({ description: "Image of every language, or one for each by name." }),
      pull: z.enum(["missing", "never"]).optional().meta({ description: "Whether a missing image is pulled." }),
      runtime: z.string().min(1).optional().meta({ description: "OCI runtime by name; runsc is gVisor." }),
    })
    .optional()
    .meta({ description: "What concerns the docker backend alone." }),
  vm: z
    .strictObject({
      accelerator: z
        .enum(["kvm", "software"])
        .optional()
        .meta({ description: "What runs a guest's instructions. Default kvm." }),
      image: z.string().min(1).optional().meta({ description: "Name of an image of orchestrator images build --vm." }),
    })
    .optional()
    .meta({ description: "What concerns the vm backend alone." }),
  memoryLimit: size.optional().meta({ description: "Memory of all its processes. Default 512MB." }),
  cpuQuota: z.number().min(1000).optional().meta({
    description: "Microseconds of CPU for each 100 ms: 50000 is half a CPU. Default 100000.",
  }),
  timeLimit: duration.optional().meta({ description: "Wall-clock limit of the code. Default 30s." }),
  processLimit: z.int().min(4).max(4096).optional().meta({ description: "Processes and threads at once. Default 64." }),
  fileSizeLimit: size.optional().meta({ description: "Largest single file. Default: diskLimit." }),
  openFilesLimit: z
    .int()
    .min(16)
    .max(65_536)
    .optional()
    .meta({ description: "Open files of one process. Default 256." }),
  diskLimit: size.optional().meta({ description: "All files that the code writes together. Default 64MiB." }),
  inodeLimit: z
    .int()
    .min(64)
    .max(1_000_000)
    .optional()
    .meta({ description: "Files, folders and links. Default 16384." }),
  outputLimit: size.optional().meta({ description: "Standard output and standard error together. Default 1MiB." }),
  valueLimit: size.optional().meta({ description: "The result as JSON. Default 4MiB." }),
  artifactLimit: size.optional().meta({ description: "All artifacts together. Default 16MiB." }),
  artifactCountLimit: z.int().min(0).max(10_000).optional().meta({ description: "Number of artifacts. Default 100." }),
  networkDisabled: z.boolean().optional().meta({ description: "No network at all. Default true." }),
  allowedDomains: z
    .array(z.string().min(1))
    .optional()
    .meta({ description: 'Hosts that can be reached, each "name:port" (443 where absent). Default none.' }),
  allowedPackages: z
    .array(z.string().min(1))
    .optional()
    .meta({ description: "Packages that the code can import. Default: the standard library alone." }),
  packageFolders: z
    .array(z.string().min(1))
    .optional()
    .meta({ description: "Folders (node_modules, site-packages) where packages are looked for first." }),
  env: z.record(z.string().min(1), z.string()).optional().meta({ description: "Variables that the code sees." }),
  onUnsupported: z
    .array(z.enum(degradableLimits))
    .optional()
    .meta({ description: "Limits that may be held less strictly where this host cannot enforce them. Default none." }),
  warm: z
    .boolean()
    .optional()
    .meta({ description: "Whether a sandbox that was started ahead may be used. Default true." }),
} satisfies Record<keyof SandboxConfig, z.ZodType>;

/** `code.sandbox`: every option of `SandboxConfig`. */
export const sandbox = z.strictObject(sandboxShape).meta({ id: "sandbox" });
