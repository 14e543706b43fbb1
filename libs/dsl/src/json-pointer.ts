/** JSON pointers (RFC 6901), which name places in documents and tasks in records. */

/** The pointer of a child. */
export function childPointer(parent: string, segment: string | number): string {
  if (typeof segment === 'number') return `${parent}/${segment}`;
  return `${parent}/${segment.includes('~') || segment.includes('/') ? segment.replaceAll('~', '~0').replaceAll('/', '~1') : segment}`;
}

/** The pointer's segments, unescaped; none for the whole document. */
export function segmentsOf(pointer: string): readonly string[] {
  return pointer === '' ? [] : pointer.slice(1).split('/').map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The last segment, unescaped, or nothing for the whole document. */
export function lastSegmentOf(pointer: string): string | undefined {
  return segmentsOf(pointer.slice(Math.max(0, pointer.lastIndexOf('/')))).at(-1);
}
