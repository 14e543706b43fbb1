import { readCron } from './cron.ts';

const calendar = (text: string, zone?: string) => {
  const read = readCron(text, zone);
  if (read.kind === 'refused') throw new Error(read.problem);
  return read.calendar;
};
const after = (text: string, zone: string, from: string, count: number): readonly string[] => calendar(text, zone).nextTimes(Date.parse(from), count).map((ms) => new Date(ms).toISOString().slice(5, 19));

describe('a cron expression', () => {
  test.each([
    ['every day at noon', '0 12 * * *', 'UTC', '2026-01-01T12:00:00Z', ['01-02T12:00:00', '01-03T12:00:00']],
    ['in a time zone', '0 9 * * MON', 'America/New_York', '2026-03-01T00:00:00Z', ['03-02T14:00:00', '03-09T13:00:00']],
    ['with seconds', '*/20 * * * * *', 'UTC', '2026-01-01T00:00:00Z', ['01-01T00:00:20', '01-01T00:00:40', '01-01T00:01:00']],
    ['with a nickname', '@hourly', 'UTC', '2026-01-01T00:00:00Z', ['01-01T01:00:00']],
    ['a day of the month or of the week', '0 0 13 * FRI', 'UTC', '2026-01-08T00:00:00Z', ['01-09T00:00:00', '01-13T00:00:00']],
    ['the last day of the month', '0 0 L * *', 'UTC', '2026-02-01T00:00:00Z', ['02-28T00:00:00', '03-31T00:00:00']],
    ['a time that does not exist when clocks go forward is due when they do', '30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', ['03-29T01:00:00', '03-30T00:30:00']],
    ['a time that comes twice when clocks go back is due once', '30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', ['10-25T00:30:00', '10-26T01:30:00']],
    ['every half hour goes on through an hour that comes twice', '*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:00:00Z', ['10-25T00:30:00', '10-25T01:00:00', '10-25T01:30:00', '10-25T02:00:00']],
    ['every hour leaves no hour out when clocks go forward', '0 * * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z', ['03-29T01:00:00', '03-29T02:00:00']],
  ])('%s', (_, text, zone, from, times) => {
    expect(after(text, zone, from, times.length)).toEqual(times);
  });

  test('says the last times too, one that is due right now among them', () => {
    expect(calendar('0 0 * * *').lastTimes(Date.parse('2026-01-05T00:00:00Z'), 2)).toEqual([Date.parse('2026-01-05T00:00:00Z'), Date.parse('2026-01-04T00:00:00Z')]);
  });

  test.each([
    ['0 0 * *', 'UTC', 'cron', 'it has five fields'],
    ['2026-01-01T00:00:00', 'UTC', 'cron', 'it has five fields'],
    ['61 * * * *', 'UTC', 'cron', 'cannot be read'],
    ['0 0 31 2 *', 'UTC', 'cron', 'names a date that never comes'],
    ['0 0 * * *', 'Europe/Nowhere', 'timeZone', 'no time zone'],
    ['0 0 * * *', '+02:00', 'timeZone', 'no time zone'],
  ])('%s in %s is refused', (text, zone, part, problem) => {
    expect(readCron(text, zone)).toMatchObject({ kind: 'refused', part, problem: expect.stringContaining(problem) as never });
  });
});
