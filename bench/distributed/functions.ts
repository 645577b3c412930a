export function nothing(): number {
  return 1;
}
