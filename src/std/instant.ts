/** Instants as Kubernetes writes them. */

/** RFC 3339 in UTC to the second, as `metav1.Time`; a number is wall time in ms. */
export function timeText(instant: Date | number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}

/** What {@link timeText} wrote, in seconds since 1970. */
export function timeSeconds(text: string): number {
  return Date.parse(text) / 1000;
}

/** RFC 3339 in UTC with six digits, as `metav1.MicroTime`; a number is wall time in ms. */
export function microTimeText(instant: Date | number): string {
  return new Date(instant).toISOString().replace('Z', '000Z');
}
