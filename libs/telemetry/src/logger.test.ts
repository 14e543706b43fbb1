import { MillraceError } from '@millrace/errors';
import { createLogger, type LogLevel } from './index.ts';

function capture(level?: LogLevel) {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const logger = createLogger({ service: 'trigger', instance: 'trigger-1', destination, ...(level === undefined ? {} : { level }) });
  return { lines, logger };
}

describe('the logger', () => {
  test('writes one JSON object a line with time, level, service, instance and message', () => {
    const { lines, logger } = capture();
    logger.info('Webhook accepted', { organisation: 'acme', bytes: 12 });
    expect(lines).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        level: 'info',
        service: 'trigger',
        instance: 'trigger-1',
        organisation: 'acme',
        bytes: 12,
        msg: 'Webhook accepted',
      },
    ]);
  });

  test('leaves out what is below its level', () => {
    const { lines, logger } = capture('warn');
    logger.info('Not seen', { a: 1 });
    logger.debug('Not seen');
    logger.warn('Seen');
    expect(lines.map((line) => line['msg'])).toEqual(['Seen']);
  });

  test('writes an error with its reason, details, stack and causes', () => {
    const { lines, logger } = capture();
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    logger.error('Store failed', { error: new MillraceError('store-failed', { details: { database: 'trigger' }, cause }) });
    expect(lines[0]?.['error']).toEqual({
      name: 'MillraceError',
      message: 'The database did not do what it was asked',
      code: 'unavailable',
      reason: 'store-failed',
      details: { database: 'trigger' },
      stack: expect.stringContaining('logger.test.ts'),
      cause: { name: 'Error', message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' },
    });
  });

  test('writes an error whose causes form a cycle', () => {
    const { lines, logger } = capture();
    const error = new Error('round');
    error.cause = error;
    logger.error('Went round', { error });
    expect(lines).toHaveLength(1);
  });

  test('keeps its own fields apart from attributes of the same name', () => {
    const { lines, logger } = capture();
    logger.info('Instance joined', { instance: 'connector-2', service: 'connector', big: 12n });
    expect(lines[0]).toMatchObject({ service: 'trigger', instance: 'trigger-1', 'attribute.instance': 'connector-2', 'attribute.service': 'connector' });
  });

  test('has children that add their attributes to every line', () => {
    const { lines, logger } = capture();
    logger.child({ traceId: 'abc' }).warn('Slow', { ms: 5 });
    expect(lines[0]).toMatchObject({ traceId: 'abc', ms: 5, level: 'warn' });
  });
});
