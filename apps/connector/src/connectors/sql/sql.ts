/**
 * `sql.query` and `sql.execute` on SQLite files.
 *
 * A query cannot write and is safe. `execute` runs one statement that may: it is unsafe, hence claimed.
 */
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { failure, refused, uncertain } from '../../failure.ts';
import { OUTPUT_BYTES_MAX, SQL_BUSY_MS, SQL_ROWS_MAX } from '../../limits.ts';
import type { ConnectorManifest, JsonValue, OperationCall, OperationManifest, Performed } from '../../manifest.ts';
import type { SqlProblemKind } from './sql-job.ts';
import { SqlThreads, type SqlAnswer } from './sql-threads.ts';

export interface SqlOptions {
  /** The folder that all files have to be in; any file when it is undefined. */
  readonly root: string | undefined;
  /** Nothing may be opened at all: no root was set outside development mode. */
  readonly disabled: boolean;
}

const argumentsOf = (extra: Record<string, JsonValue>): Record<string, JsonValue> => ({
  type: 'object',
  required: ['statement'],
  properties: {
    statement: { type: 'string', minLength: 1 },
    parameters: { type: ['array', 'object'] },
    url: { type: 'string', pattern: '^sqlite:' },
    ...extra,
  },
  additionalProperties: false,
});

export interface SqlConnector extends ConnectorManifest {
  close(): Promise<void>;
}

export function sqlConnector(options: SqlOptions): SqlConnector {
  const threads = new SqlThreads();
  const action = (kind: 'query' | 'execute'): OperationManifest['action'] => ({ kind: 'run', run: (call) => run(threads, options, kind, call) });
  return {
    id: 'sql',
    version: '1.0.0',
    title: 'SQL',
    auth: ['none'],
    operations: {
      query: {
        summary: 'Reads rows from a SQLite file',
        arguments: argumentsOf({}),
        output: { type: 'array', items: { type: 'object' } },
        retryClass: 'safe',
        timeoutMs: 30_000,
        action: action('query'),
      },
      execute: {
        summary: 'Runs one statement that may change a SQLite file',
        arguments: argumentsOf({ onUnknown: { enum: ['ask', 'resend', 'skip'] } }),
        output: {
          type: 'object',
          required: ['changes', 'lastInsertRowid'],
          properties: { changes: { type: 'integer' }, lastInsertRowid: { type: ['integer', 'string'] } },
        },
        retryClass: 'unsafe',
        timeoutMs: 30_000,
        action: action('execute'),
      },
    },
    close: () => threads.close(),
  };
}

class FileRefused extends Error {}

async function run(threads: SqlThreads, options: SqlOptions, kind: 'query' | 'execute', call: OperationCall): Promise<Performed> {
  const { arguments: args, connection } = call;
  let file: string;
  try {
    file = await fileOf(String(args['url'] ?? connection?.baseUrl ?? ''), options);
  } catch (error) {
    if (error instanceof FileRefused) return refused(failure('configuration', 400, `sql.${kind}: ${error.message}`));
    throw error;
  }
  const job = { kind, file, statement: String(args['statement']), parameters: args['parameters'] as never, rowsMax: SQL_ROWS_MAX, bytesMax: OUTPUT_BYTES_MAX };
  // A statement that found its file locked did nothing, so it queues again, behind others. It stops while there is
  // time for a whole try: one that is cut off at the time limit would be unknown.
  const lastTryMs = performance.now() + call.timeoutMs - 2 * SQL_BUSY_MS;
  let answer: SqlAnswer;
  do answer = await threads.run(job, call.signal);
  while (answer.kind === 'problem' && answer.problem === 'busy' && performance.now() < lastTryMs);
  return conclude(kind, answer, call);
}

/** The absolute path of a `sqlite:` URL, inside the allowed folder. @throws FileRefused */
async function fileOf(url: string, { root, disabled }: SqlOptions): Promise<string> {
  if (url === '') throw new FileRefused('no database is named; give `url` or a connection with a baseUrl');
  const written = /^sqlite:(?:\/\/)?(\/[^?#]*)$/.exec(url)?.[1];
  if (written === undefined) throw new FileRefused('the URL is not of the form sqlite:/absolute/path');
  if (disabled) throw new FileRefused('SQLite files are opened only below MILLRACE_SQLITE_ROOT, which is not set');
  const file = path.resolve(decodeURIComponent(written));
  const folder = await realpath(path.dirname(file)).catch(() => {
    throw new FileRefused(`the folder of ${path.basename(file)} does not exist`);
  });
  const real = path.join(folder, path.basename(file));
  if (root === undefined) return real;
  const realRoot = await realpath(root).catch(() => path.resolve(root));
  if (!real.startsWith(realRoot + path.sep)) throw new FileRefused('the file is not below MILLRACE_SQLITE_ROOT');
  // The file itself may be a link out of the folder.
  const target = await realpath(real).catch(() => real);
  if (!target.startsWith(realRoot + path.sep)) throw new FileRefused('the file is not below MILLRACE_SQLITE_ROOT');
  return target;
}

function conclude(kind: 'query' | 'execute', answer: SqlAnswer, call: OperationCall): Performed {
  switch (answer.kind) {
    case 'rows':
      return { kind: 'output', value: answer.rows };
    case 'changed':
      return { kind: 'output', value: { changes: answer.changes, lastInsertRowid: answer.lastInsertRowid } };
    case 'problem':
      return problem(answer.problem, `sql.${kind}: ${answer.message}`);
    case 'not-run':
      return answer.reason === 'full'
        ? refused(failure('communication', 503, `sql.${kind}: too many statements wait; it was not run`))
        : refused(failure('timeout', 408, `sql.${kind} did not get its turn within ${call.timeoutMs} ms; it was not run`));
    case 'lost':
      return uncertain(failure('timeout', 408, `sql.${kind} did not end within ${call.timeoutMs} ms`), 'unasked');
  }
}

function problem(kind: SqlProblemKind, detail: string): Performed {
  switch (kind) {
    case 'invalid':
      return refused(failure('validation', 400, detail));
    case 'constraint':
      return refused(failure('validation', 409, detail, 'Constraint violated'));
    case 'denied':
      return refused(failure('authorization', 403, detail));
    case 'busy':
      return refused(failure('communication', 503, detail));
    case 'cannot-open':
      return refused(failure('configuration', 400, detail));
    case 'too-large':
      return refused(failure('communication', 502, detail));
    case 'failed':
      return uncertain(failure('communication', 500, detail), 'unasked');
  }
}
