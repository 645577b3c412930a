/** A trace in environment variables, as programs that take part in one look for it: `TRACEPARENT`, `TRACESTATE`. */
export function traceVariables(trace: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(trace ?? {}).map(([header, value]) => [header.toUpperCase(), value]));
}
