/** A step of the specification for each event of a trace. */
export function checkTrace(lines: readonly string[]): { readonly steps: number } {
  return { steps: lines.length };
}
