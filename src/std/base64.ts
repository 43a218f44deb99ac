/** Text in base64 (RFC 4648 §4), as Kubernetes carries bytes in its objects. */

/** `text` in UTF-8, encoded. */
export function encodeBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

/** The text, read as UTF-8; what is no character of base64 is skipped. */
export function decodeBase64(encoded: string): string {
  return Buffer.from(encoded, 'base64').toString('utf8');
}
