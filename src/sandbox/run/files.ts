/** The files of a sandbox as its supervisor reads them: named and made by hostile code, and never laid down on the host. */
import type { SandboxArtifact } from "../../model/sandbox.js";

export interface ArtifactLimits {
  readonly bytes: number;
  readonly count: number;
}

export interface CollectedArtifacts {
  readonly artifacts: readonly SandboxArtifact[];
  readonly omitted: readonly { readonly name: string; readonly reason: string }[];
}

export interface ArtifactRequest {
  readonly limits: ArtifactLimits;
  /** Content that was laid there, by name: a file that still has it is no artifact. */
  readonly known: ReadonlyMap<string, Uint8Array>;
  /** Names that are nobody's business. */
  readonly ignored: RegExp | undefined;
}

export interface ListedFile {
  readonly name: string;
  readonly size: number;
}

/** No link is followed, and nothing but regular files is opened, by any of these. */
export interface SandboxFiles {
  /** What the code left in its working folder: after everything inside is dead, or between two pieces of a session. */
  collect(request: ArtifactRequest): Promise<CollectedArtifacts>;
  /** Whether the writable folders have no byte or no inode left. */
  isFull(): Promise<boolean>;
  /** Content of a file of the working folder; `undefined` where it is no regular file. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Regular files of the working folder by name, at most 10,000. */
  list(): Promise<readonly ListedFile[]>;
}
