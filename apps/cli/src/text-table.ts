/** Tables for people: columns as wide as their widest cell, two spaces between them, no trailing space. */

export type Alignment = 'left' | 'right';

export function textTable(heads: readonly string[], rows: readonly (readonly string[])[], alignments: readonly Alignment[] = []): string {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (alignments[column] === 'right' ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return `${[heads, ...rows].map(line).join('\n')}\n`;
}
