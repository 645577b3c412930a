/** Where values live that are too large for messages. */
import type { Checker } from "../../../model/check.js";
import { InvalidOptionError } from "../../../model/error.js";
import { parseBytes, type Size } from "../../../model/units.js";

/** Large values in a folder that every machine sees. */
export interface FileDataOptions {
  readonly kind: "file";
  /** A folder that every machine of the cluster sees under this path, or under a path of its own. */
  readonly folder: string;
  /** This machine's copies. Default: a folder in the system's temporary one. */
  readonly cacheFolder?: string;
  /** Most bytes of this machine's copies; the oldest go first. Default `"10GB"`. */
  readonly cacheLimit?: Size;
}

/** Large values in a bucket of S3, or of a store that speaks S3. */
export interface S3DataOptions {
  readonly kind: "s3";
  /** `https://s3.eu-central-1.amazonaws.com`, or that of any store that speaks S3. */
  readonly endpoint: string;
  /** Name of the bucket, which exists already. */
  readonly bucket: string;
  /** Begins every object's name. Default `"orchestrator/"`. */
  readonly keyPrefix?: string;
  /** Default `"us-east-1"`. */
  readonly region?: string;
  /** Default: `AWS_ACCESS_KEY_ID` of the environment. */
  readonly accessKeyId?: string;
  /** Default: `AWS_SECRET_ACCESS_KEY` of the environment. */
  readonly secretAccessKey?: string;
  /** Default: `AWS_SESSION_TOKEN` of the environment, if any. */
  readonly sessionToken?: string;
  /** This machine's copies. Default: a folder in the system's temporary one. */
  readonly cacheFolder?: string;
  /** Most bytes of this machine's copies; the oldest go first. Default `"10GB"`. */
  readonly cacheLimit?: Size;
}

/** Where values live that are too large for messages. */
export type DataOptions = FileDataOptions | S3DataOptions;

const fileNames = ["kind", "folder", "cacheFolder", "cacheLimit"];
const s3Names = [
  "kind",
  "endpoint",
  "bucket",
  "keyPrefix",
  "region",
  "accessKeyId",
  "secretAccessKey",
  "sessionToken",
  "cacheFolder",
  "cacheLimit",
];

export function readData(check: Checker, given: DataOptions | undefined): DataOptions | undefined {
  if (given === undefined) return undefined;
  const kind = check.oneOf("data.kind", (given as { kind?: unknown })?.kind, ["file", "s3"], undefined);
  if (kind === undefined) {
    check.report("data", 'takes { kind: "file", folder } or { kind: "s3", endpoint, bucket }');
    return undefined;
  }
  if (!check.object("data", given, kind === "file" ? fileNames : s3Names)) return undefined;
  const needed = kind === "file" ? ["folder"] : ["endpoint", "bucket"];
  for (const name of needed)
    if (typeof given[name] !== "string") check.report(`data.${name}`, "is needed, as a string");
  check.bytes("data.cacheLimit", given.cacheLimit, undefined, 1_000_000);
  return given as unknown as DataOptions;
}

/** Who signs requests to a bucket. */
export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

/** What a store goes by. */
export interface CheckedDataOptions {
  readonly options: DataOptions;
  /** Of a bucket. */
  readonly s3Keys: S3Keys | undefined;
  readonly cacheLimitBytes: number;
}

/** @throws InvalidOptionError where a bucket has no keys. */
export function checkDataOptions(options: DataOptions): CheckedDataOptions {
  const s3Keys = options.kind === "s3" ? findS3Keys(options) : undefined;
  return { options, s3Keys, cacheLimitBytes: parseBytes(options.cacheLimit ?? "10GB") };
}

function findS3Keys(options: S3DataOptions): S3Keys {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
  const accessKeyId = options.accessKeyId ?? AWS_ACCESS_KEY_ID;
  const secretAccessKey = options.secretAccessKey ?? AWS_SECRET_ACCESS_KEY;
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return { accessKeyId, secretAccessKey, sessionToken: options.sessionToken ?? AWS_SESSION_TOKEN };
  const message = "takes accessKeyId and secretAccessKey, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set";
  throw new InvalidOptionError([{ where: "data", message }]);
}

/** `/folder`, or `s3://bucket?endpoint=https://host&region=eu-central-1`, as on a command line. */
export function parseDataOption(text: string): DataOptions {
  if (!text.startsWith("s3:")) return { kind: "file", folder: text };
  const url = new URL(text);
  const region = url.searchParams.get("region");
  return {
    kind: "s3",
    bucket: url.hostname,
    endpoint: url.searchParams.get("endpoint") ?? `https://s3.${region ?? "us-east-1"}.amazonaws.com`,
    ...(region === null ? undefined : { region }),
    ...(url.pathname.length > 1 ? { keyPrefix: url.pathname.slice(1) } : undefined),
  };
}
