/** Messages of a stdio server: one JSON text a line, in bytes cut anywhere (MCP, transports, stdio). */

/** A line is longer than the reader accepts. */
export class LineLimitError extends Error {
  override readonly name = 'LineLimitError';
}

export interface LineReader {
  /** The lines that `chunk` completed, without their ends; empty ones are left out. Throws {@link LineLimitError}. */
  push(chunk: string): string[];
}

/** Joins chunks of text to lines of at most `charsMax` characters. */
export function createLineReader(charsMax: number): LineReader {
  let parts: string[] = [];
  let held = 0;
  const keep = (text: string): void => {
    held += text.length;
    if (held > charsMax) throw new LineLimitError(`a line of over ${charsMax} characters`);
    if (text !== '') parts.push(text);
  };
  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', start)) {
        keep(chunk.slice(start, end));
        const line = parts.join('').trim();
        if (line !== '') lines.push(line);
        parts = [];
        held = 0;
        start = end + 1;
      }
      keep(chunk.slice(start));
      return lines;
    },
  };
}
