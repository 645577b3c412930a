export function version() {
  return "one";
}
