/**
 * A value that is too large to travel with messages stands in the store; a reference to it travels instead. It is plain
 * data, so that a journal and any serialisation keep it as it is.
 */
export interface DataReference {
  readonly kind: "orchestrator-data";
  /** SHA-256 of the stored bytes, in hex: its name in the store. */
  readonly sha256: string;
  /** How many they are. */
  readonly bytes: number;
}

/**
 * Whether a task's output, or an input, is a reference to a value in the store.
 *
 * @example
 * console.log(isDataReference({ rows: 3 })); // prints false
 */
export function isDataReference(value: unknown): value is DataReference {
  if (typeof value !== "object" || value === null) return false;
  const { kind, sha256, bytes } = value as Partial<DataReference>;
  return (
    kind === "orchestrator-data" &&
    typeof sha256 === "string" &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    typeof bytes === "number"
  );
}
