/** Tables of plain text, as kubectl prints them. */

/** Lines of a table: columns as wide as their widest cell and two spaces apart, the last one open. Cells are ASCII. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: Math.max(0, columns - 1) }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd((widths[column] ?? -2) + 2))
      .join('')
      .trimEnd(),
  );
}

/** Without the columns that hold nothing in any row but the first, which is the header. */
export function withoutEmptyColumns(rows: readonly (readonly string[])[]): string[][] {
  const [header = [], ...body] = rows;
  const kept = header.map((_, column) => body.some((row) => (row[column] ?? '') !== ''));
  return rows.map((row) => row.filter((_, column) => kept[column] === true));
}
