/** The order of semantic versions (semver.org 2.0.0, section 11); build metadata is ignored. */
export function compareVersions(left: string, right: string): number {
  const a = partsOf(left);
  const b = partsOf(right);
  for (let index = 0; index < 3; index++) {
    const difference = (a.numbers[index] ?? 0) - (b.numbers[index] ?? 0);
    if (difference !== 0) return difference;
  }
  if (a.early.length === 0 || b.early.length === 0) return b.early.length - a.early.length;
  for (let index = 0; index < Math.max(a.early.length, b.early.length); index++) {
    const x = a.early[index];
    const y = b.early[index];
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    const order = compareIdentifiers(x, y);
    if (order !== 0) return order;
  }
  return 0;
}

function compareIdentifiers(x: string, y: string): number {
  const numericX = /^\d+$/.test(x);
  const numericY = /^\d+$/.test(y);
  if (numericX && numericY) return Number(x) - Number(y);
  if (numericX !== numericY) return numericX ? -1 : 1;
  return x < y ? -1 : x > y ? 1 : 0;
}

function partsOf(version: string): { readonly numbers: readonly number[]; readonly early: readonly string[] } {
  const [core = '', ...rest] = (version.split('+')[0] ?? '').split('-');
  return { numbers: core.split('.').map(Number), early: rest.length === 0 ? [] : rest.join('-').split('.') };
}
