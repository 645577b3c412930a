export function nothing(): number {
  return 1;
}

export function large({ bytes }: { bytes: number }): Uint8Array {
  return new Uint8Array(bytes).fill(7);
}

export function lengthOf({ value }: { value: Uint8Array }): number {
  return value.length;
}
