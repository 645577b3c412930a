/** What code in a sandbox can see of the installed packages: plain data, made by a resolver and carried out by a backend. */

/** One file or directory that is shown in the sandbox, read-only. */
export interface PackageBind {
  /** Absolute path on this machine, with no symbolic link in its last part. */
  readonly source: string;
  /** Absolute path in the sandbox. */
  readonly target: string;
}

/**
 * The packages of an allowlist with what they require, and nothing else.
 *
 * A backend mounts an empty directory on each of `roots`, then binds each of `binds` below it. Where there are no binds, the
 * roots are still to be hidden: an empty view is the standard library alone.
 */
export interface PackageView {
  readonly language: "python" | "javascript";
  /** Identity of what is shown, files' times included: two views of one digest can share a fork server. */
  readonly digest: string;
  /** Directories of packages, as absolute paths in the sandbox, to be empty but for the binds. */
  readonly roots: readonly string[];
  readonly binds: readonly PackageBind[];
  /** Data that the packages read elsewhere on this machine (fonts, time zones), for a backend whose base does not show it anyway. */
  readonly data: readonly PackageBind[];
  /** Variables that tell the packages where their data is. */
  readonly environment: Readonly<Record<string, string>>;
  /** Modules that the allowed packages themselves give, sorted: what a fork server may import ahead. */
  readonly importNames: readonly string[];
  /** Version of every package in the view, by its normalised name. */
  readonly versions: Readonly<Record<string, string>>;
  /** Requirements of the packages (not of the caller) that this machine does not meet, as sentences. They are no error, for the code may never come to them. */
  readonly unmet: readonly string[];
}
