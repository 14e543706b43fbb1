/**
 * One SQL thread: opens SQLite files and runs one statement after another.
 *
 * - Every statement is its own transaction, synchronised to disk before it is answered (WAL, synchronous FULL).
 * - A query runs on a connection that cannot write.
 * - A statement reaches no file but its own: ATTACH, extensions and all but harmless pragmas are refused.
 */
import { DatabaseSync, constants, type StatementSync } from 'node:sqlite';
import { parentPort } from 'node:worker_threads';
import { SQL_BUSY_MS, SQL_FILES_PER_THREAD_MAX, SQL_STATEMENTS_PER_FILE_MAX } from '../../limits.ts';
import type { JsonValue } from '../../manifest.ts';
import type { SqlJob, SqlProblemKind, SqlReply } from './sql-job.ts';

interface OpenFile {
  readonly database: DatabaseSync;
  readonly statements: Map<string, StatementSync>;
}

type SqlValue = null | number | bigint | string;

class Problem extends Error {
  readonly problem: SqlProblemKind;

  constructor(problem: SqlProblemKind, message: string) {
    super(message);
    this.problem = problem;
  }
}

/** Pragmas that only read, and then only without a value to set. */
const READING_PRAGMAS = new Set(['user_version', 'encoding', 'page_count', 'page_size', 'freelist_count', 'journal_mode', 'synchronous', 'foreign_keys']);
const DESCRIBING_PRAGMAS = new Set(['table_info', 'table_xinfo', 'table_list', 'index_list', 'index_info', 'index_xinfo', 'foreign_key_list']);
const DENIED_ACTIONS = new Set([constants.SQLITE_ATTACH, constants.SQLITE_DETACH, constants.SQLITE_TRANSACTION, constants.SQLITE_SAVEPOINT]);

const files = new Map<string, OpenFile>();

function openFile(job: SqlJob): OpenFile {
  const id = `${job.kind} ${job.file}`;
  const known = files.get(id);
  if (known !== undefined) {
    files.delete(id);
    files.set(id, known);
    return known;
  }
  const readOnly = job.kind === 'query';
  const database = new DatabaseSync(job.file, { readOnly, timeout: SQL_BUSY_MS, enableForeignKeyConstraints: true });
  try {
    if (!readOnly) database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL');
    database.setAuthorizer((action, first, second) => {
      if (DENIED_ACTIONS.has(action)) return constants.SQLITE_DENY;
      if (action !== constants.SQLITE_PRAGMA) return constants.SQLITE_OK;
      const harmless = DESCRIBING_PRAGMAS.has(String(first)) || (READING_PRAGMAS.has(String(first)) && second === null);
      return harmless ? constants.SQLITE_OK : constants.SQLITE_DENY;
    });
  } catch (error) {
    database.close();
    throw error;
  }
  const opened = { database, statements: new Map<string, StatementSync>() };
  files.set(id, opened);
  if (files.size > SQL_FILES_PER_THREAD_MAX) {
    const [oldest] = files;
    if (oldest !== undefined) {
      files.delete(oldest[0]);
      oldest[1].database.close();
    }
  }
  return opened;
}

function prepare({ database, statements }: OpenFile, text: string): StatementSync {
  const known = statements.get(text);
  if (known !== undefined) return known;
  const statement = database.prepare(text);
  if (!onlyTrivia(text.slice(statement.sourceSQL.length))) throw new Problem('invalid', 'there is more than one statement; a step runs one');
  statement.setReadBigInts(true);
  if (statements.size >= SQL_STATEMENTS_PER_FILE_MAX) {
    const oldest = statements.keys().next();
    if (oldest.done !== true) statements.delete(oldest.value);
  }
  statements.set(text, statement);
  return statement;
}

/** White space, comments and semicolons. */
function onlyTrivia(text: string): boolean {
  return text.replace(/--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$)/g, '').replace(/[\s;]/g, '') === '';
}

function bind(parameters: SqlJob['parameters']): [] | SqlValue[] | [Record<string, SqlValue>] {
  if (parameters === undefined) return [];
  if (Array.isArray(parameters)) return (parameters as readonly JsonValue[]).map(toSql);
  return [Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, toSql(value)]))];
}

/** SQLite has no booleans and no JSON: 0 and 1, and text. A whole number is an INTEGER, as it is in JSON text. */
function toSql(value: JsonValue): SqlValue {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}

/** Integers beyond what JSON's readers hold exactly become text, binary becomes base64. */
function fromSql(value: unknown): JsonValue {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return value as JsonValue;
}

function run(job: SqlJob): SqlReply {
  const { number, kind } = job;
  const statement = prepare(openFile(job), job.statement);
  const values = bind(job.parameters) as never[];
  if (kind === 'execute') {
    const { changes, lastInsertRowid } = statement.run(...values);
    return { number, kind: 'changed', changes: Number(changes), lastInsertRowid: fromSql(lastInsertRowid) as number | string };
  }
  const rows: Record<string, JsonValue>[] = [];
  let bytes = 0;
  for (const row of statement.iterate(...values) as Iterable<Record<string, unknown>>) {
    if (rows.length >= job.rowsMax) throw new Problem('too-large', `there are more than ${job.rowsMax} rows; ask for fewer, with LIMIT say`);
    const plain: Record<string, JsonValue> = {};
    for (const [name, value] of Object.entries(row)) {
      const converted = fromSql(value);
      plain[name] = converted;
      bytes += name.length + (typeof converted === 'string' ? converted.length : 8);
    }
    if (bytes > job.bytesMax) throw new Problem('too-large', `the rows are larger than ${job.bytesMax} bytes; ask for fewer or for less of each`);
    rows.push(plain);
  }
  return { number, kind: 'rows', rows };
}

/** SQLite's primary result codes (https://sqlite.org/rescode.html). */
const PROBLEMS: Readonly<Record<number, SqlProblemKind>> = {
  1: 'invalid', 5: 'busy', 6: 'busy', 8: 'denied', 14: 'cannot-open', 18: 'invalid', 19: 'constraint', 20: 'invalid', 23: 'denied', 25: 'invalid', 26: 'cannot-open',
};

function problemOf(number: number, error: unknown): SqlReply {
  if (error instanceof Problem) return { number, kind: 'problem', problem: error.problem, message: error.message };
  const { code, errcode, message } = error as { readonly code?: string; readonly errcode?: number; readonly message: string };
  // Errors of node:sqlite that are not SQLite's are about the parameters.
  const problem = code === 'ERR_SQLITE_ERROR' ? (PROBLEMS[(errcode ?? 0) & 0xff] ?? 'failed') : 'invalid';
  return { number, kind: 'problem', problem, message };
}

parentPort?.on('message', (job: SqlJob) => {
  let reply: SqlReply;
  try {
    reply = run(job);
  } catch (error) {
    reply = problemOf(job.number, error);
  }
  parentPort?.postMessage(reply);
});
