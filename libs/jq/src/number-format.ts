// Numbers as jq writes them: the shortest digits that read back, with C's exponent form for large and small ones.

/** Digits beyond the decimal point's reach that are still written out instead of an exponent. */
const PLAIN_ZEROES_MAX = 15;
const SMALLEST_PLAIN_POINT = -4;

/** NaN is written as null and infinities as the largest double, as jq does. */
export function formatNumber(value: number): string {
  if (Number.isSafeInteger(value) && value > -1e15 && value < 1e15) return Object.is(value, -0) ? '-0' : String(value);
  if (Number.isNaN(value)) return 'null';
  if (value === Infinity) return formatNumber(Number.MAX_VALUE);
  if (value === -Infinity) return formatNumber(-Number.MAX_VALUE);
  const sign = value < 0 ? '-' : '';
  const [mantissa = '', exponentText = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const point = Number(exponentText) + 1;
  if (point <= SMALLEST_PLAIN_POINT || point > digits.length + PLAIN_ZEROES_MAX) {
    const exponent = point - 1;
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits}${'0'.repeat(point - digits.length)}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
