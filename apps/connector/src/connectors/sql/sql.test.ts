import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { bench, type Bench } from '../../testing/run-operation.ts';
import type { OpenConnection } from '../../manifest.ts';
import { sqlConnector, type SqlConnector } from './sql.ts';

let folder: TemporaryFolder;
let sql: SqlConnector;
let runs: Bench;
let database = 0;

/** A URL of a file that is not there yet. */
const fresh = (): string => `sqlite:${path.join(folder.path, `data-${(database += 1)}.db`)}`;
const fileOf = (url: string): string => url.slice('sqlite:'.length);

beforeAll(async () => {
  folder = await temporaryFolder('sql');
  sql = sqlConnector({ root: undefined, disabled: false });
  runs = bench([sql]);
});
afterAll(async () => {
  await sql.close();
  await folder.remove();
});

async function pets(): Promise<string> {
  const url = fresh();
  await runs.output('sql.execute', { url, statement: 'CREATE TABLE pets (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, more)' });
  return url;
}

test('executes statements with parameters by position and by name, and queries rows', async () => {
  const url = await pets();
  expect(await runs.output('sql.execute', { url, statement: 'INSERT INTO pets (name, more) VALUES (?, ?)', parameters: ['milou', { good: true }] })).toEqual({ changes: 1, lastInsertRowid: 1 });
  expect(await runs.output('sql.execute', { url, statement: 'INSERT INTO pets (name, more) VALUES ($name, :more)', parameters: { name: 'snowy', more: true } })).toEqual({ changes: 1, lastInsertRowid: 2 });
  expect(await runs.output('sql.query', { url, statement: 'SELECT * FROM pets WHERE id <= ? ORDER BY id; -- all', parameters: [2] })).toEqual([
    { id: 1, name: 'milou', more: '{"good":true}' },
    { id: 2, name: 'snowy', more: 1 },
  ]);
});

test('keeps big integers as text and binary as base64', async () => {
  const url = await pets();
  const rows = await runs.output('sql.query', { url, statement: "SELECT 9007199254740993 AS big, 9007199254740991 AS safe, x'0102' AS bytes, 1.5 AS real, NULL AS missing" });
  expect(rows).toEqual([{ big: '9007199254740993', safe: 9007199254740991, bytes: 'AQI=', real: 1.5, missing: null }]);
});

test('writes with a write-ahead log that is synchronised at every commit', async () => {
  const url = await pets();
  expect(await runs.output('sql.query', { url, statement: 'PRAGMA journal_mode' })).toEqual([{ journal_mode: 'wal' }]);
  expect(await runs.output('sql.query', { url, statement: 'PRAGMA synchronous' })).toEqual([{ synchronous: 2 }]);
});

test.each([
  ['sql.query', 'SELEC 1', 400, 'syntax error'],
  ['sql.query', 'SELECT * FROM nowhere', 400, 'no such table: nowhere'],
  ['sql.query', 'SELECT 1; SELECT 2', 400, 'more than one statement'],
  ['sql.query', "INSERT INTO pets (name) VALUES ('x')", 403, 'readonly'],
  ['sql.execute', "INSERT INTO pets (name) VALUES ('taken')", 409, 'UNIQUE'],
  ['sql.execute', "ATTACH DATABASE '/tmp/other.db' AS other", 403, 'not authorized'],
  ['sql.execute', 'BEGIN', 403, 'not authorized'],
  ['sql.execute', 'PRAGMA synchronous = OFF', 403, 'not authorized'],
  ['sql.query', "SELECT load_extension('/tmp/x.so')", 400, 'not authorized'],
] as const)('%s %j fails with %d and says %j', async (operation, statement, status, says) => {
  const url = await pets();
  await runs.output('sql.execute', { url, statement: "INSERT INTO pets (name) VALUES ('taken')" });
  const failure = await runs.failure(operation, { url, statement });
  expect(failure).toMatchObject({ status });
  expect(failure.detail).toContain(says);
});

test('missing and surplus parameters are named', async () => {
  const url = await pets();
  expect(await runs.failure('sql.query', { url, statement: 'SELECT $a AS a', parameters: { b: 1 } })).toMatchObject({ status: 400 });
  expect(await runs.failure('sql.query', { url, statement: 'SELECT 1', parameters: 'x' })).toMatchObject({ status: 400, detail: expect.stringContaining('/parameters') });
});

test('a query that yields too much is refused rather than cut', async () => {
  const url = await pets();
  const numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n';
  expect(await runs.failure('sql.query', { url, statement: numbers })).toMatchObject({ status: 502, detail: expect.stringContaining('more than 10000 rows') });
  expect(await runs.failure('sql.query', { url, statement: 'SELECT hex(zeroblob(200000)) AS long' })).toMatchObject({ status: 502, detail: expect.stringContaining('larger than') });
});

test('waits for a file that another process is writing', async () => {
  const url = await pets();
  const other = new DatabaseSync(fileOf(url));
  other.exec('BEGIN IMMEDIATE');
  const waiting = runs.output('sql.execute', { url, statement: "INSERT INTO pets (name) VALUES ('late')" });
  other.exec("INSERT INTO pets (name) VALUES ('early')");
  await new Promise((resolve) => setTimeout(resolve, 50));
  other.exec('COMMIT');
  other.close();
  expect(await waiting).toMatchObject({ changes: 1, lastInsertRowid: 2 });
});

test('a file that stays locked fails the step before its time limit, certain that nothing was done', async () => {
  const url = await pets();
  const other = new DatabaseSync(fileOf(url));
  other.exec('BEGIN IMMEDIATE');
  expect(await runs.failure('sql.execute', { url, statement: "INSERT INTO pets (name) VALUES ('late')" }, { timeoutMs: 900 })).toMatchObject({ detail: expect.stringContaining('database is locked') });
  other.close();
  expect(await runs.output('sql.query', { url, statement: 'SELECT count(*) AS n FROM pets' })).toEqual([{ n: 0 }]);
});

test('a statement that does not end is left behind at its time limit, and others go on', async () => {
  const url = await pets();
  const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80000000) SELECT count(*) FROM n';
  const queued = runs.failure('sql.query', { url, statement: endless }, { timeoutMs: 1_500 });
  const behind = runs.failure('sql.execute', { url, statement: "INSERT INTO pets (name) VALUES ('never')" }, { timeoutMs: 50 });
  expect(await behind).toMatchObject({ status: 408, detail: expect.stringContaining('it was not run') });
  expect(await queued).toMatchObject({ status: 408 });
  expect(await runs.output('sql.query', { url, statement: 'SELECT count(*) AS n FROM pets' })).toEqual([{ n: 0 }]);
});

test('runs many statements in order, none lost', async () => {
  const url = await pets();
  const all = Array.from({ length: 300 }, (_, index) => runs.output('sql.execute', { url, statement: 'INSERT INTO pets (name) VALUES (?)', parameters: [`p${index}`] }));
  expect((await Promise.all(all)).at(-1)).toEqual({ changes: 1, lastInsertRowid: 300 });
});

describe('the file', () => {
  test.each([
    [{}, 'no database is named'],
    [{ url: 'sqlite:relative.db' }, 'sqlite:/absolute/path'],
    [{ url: 'sqlite::memory:' }, 'sqlite:/absolute/path'],
    [{ url: 'sqlite:/no/such/folder/x.db' }, 'does not exist'],
  ])('%j is refused', async (args, says) => {
    expect((await runs.failure('sql.query', { ...args, statement: 'SELECT 1' })).detail).toContain(says);
  });

  test('is that of the connection when the arguments name none', async () => {
    const url = await pets();
    const connection: OpenConnection = { name: 'db', connector: 'sql', baseUrl: url, auth: { kind: 'none' } };
    expect(await bench([sql], { connections: [connection] }).output('sql.query', { statement: 'SELECT 1 AS one' }, { connection: 'db' })).toEqual([{ one: 1 }]);
  });

  test('is not made by a query', async () => {
    const url = fresh();
    expect(await runs.failure('sql.query', { url, statement: 'SELECT 1' })).toMatchObject({ status: 400, detail: expect.stringContaining('unable to open') });
    expect(existsSync(fileOf(url))).toBe(false);
  });

  test('has to be below the root, links followed, and without a root nothing is opened', async () => {
    const root = path.join(folder.path, 'root');
    await mkdir(root);
    const outside = await pets();
    await symlink(fileOf(outside), path.join(root, 'link.db'));
    const rooted = sqlConnector({ root, disabled: false });
    const inside = bench([rooted]);
    await inside.output('sql.execute', { url: `sqlite:${root}/a.db`, statement: 'CREATE TABLE t (a)' });
    for (const url of [outside, `sqlite:${root}/../data-1.db`, `sqlite:${root}/%2e%2e/data-1.db`, `sqlite:${root}/link.db`]) {
      expect((await inside.failure('sql.query', { url, statement: 'SELECT 1' })).detail).toContain('not below MILLRACE_SQLITE_ROOT');
    }
    await rooted.close();
    const disabled = sqlConnector({ root: undefined, disabled: true });
    expect((await bench([disabled]).failure('sql.query', { url: outside, statement: 'SELECT 1' })).detail).toContain('not set');
  });
});
