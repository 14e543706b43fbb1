import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createAuthenticator } from '../../auth/authenticator.ts';
import { createAddressGuard } from '../../address-guard.ts';
import { createOutboundHttp } from '../../outbound/outbound-http.ts';
import { createResourceStore } from '../../resource-store.ts';
import { bench } from '../../testing/run-operation.ts';
import { scriptConnector } from './script.ts';

const http = createOutboundHttp(createAddressGuard({ allowLoopback: true }));
const resources = createResourceStore({ http, authenticator: createAuthenticator(http), fileRoot: undefined });
const script = scriptConnector({ resources, limits: { timeMsMax: 4_000 } });
const { output, failure } = bench([script]);
const js = (code: string, more: object = {}) => output('script.run', { language: 'javascript', code, ...more });
const jsFailure = (code: string, more: object = {}) => failure('script.run', { language: 'javascript', code, ...more });

const elsewhere = createServer((request, response) => {
  if (request.url === '/script.js') response.end('console.log("fetched", process.argv[2])');
  else response.writeHead(404).end();
});
let origin = '';
beforeAll(async () => {
  await new Promise<void>((listening) => elsewhere.listen(0, '127.0.0.1', listening));
  origin = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await Promise.all([script.close(), http.close(), new Promise((closed) => elsewhere.close(closed))]);
});

describe('JavaScript', () => {
  test('the specification\'s own example reads standard input, arguments and environment', async () => {
    const code = `
      // Reading Input from STDIN
      import { readFileSync } from 'node:fs';
      const stdin = readFileSync(process.stdin.fd, 'utf8');
      console.log('stdin > ', stdin)
      const [_, __, arg] = process.argv;
      console.log('arg > ', arg)
      const foo = process.env.foo;
      console.log('env > ', foo)`;
    expect(await js(code, { stdin: 'Hello Workflow', arguments: ['hello'], environment: { foo: 'bar' } })).toBe('stdin >  Hello Workflow\narg >  hello\nenv >  bar\n');
  });
  test.each([
    ['stdout', 'out\n'],
    ['stderr', 'err\n'],
    ['code', 3],
    ['all', { code: 3, stdout: 'out\n', stderr: 'err\n' }],
  ])('return: %s', async (wanted, expected) => {
    const code = `console.log('out'); console.error('err'); ${wanted === 'stdout' || wanted === 'stderr' ? '' : 'process.exit(3); console.log("never")'}`;
    expect(await js(code, { return: wanted })).toEqual(expected);
  });
  test('return: none outputs nothing', async () => {
    expect(await js('console.log(1)', { return: 'none' })).toBeNull();
  });
  test.each([
    ['console.log({ a: 1, b: [1, "x"], c: { d: null } })', "{ a: 1, b: [ 1, 'x' ], c: { d: null } }\n"],
    ['console.log("%s has %d", "a", 2, [3])', 'a has 2 [ 3 ]\n'],
    ['console.log(new Map([[1, 2]]), new Set(["x"]), [], {})', "Map(1) { 1 => 2 } Set(1) { 'x' } [] {}\n"],
    ['process.stdout.write("no line"); process.stdout.write(" end")', 'no line end'],
    ['const text = await Promise.resolve("top-level await"); console.log(text)', 'top-level await\n'],
    ['setTimeout(() => console.log("later"), 20); console.log("now")', 'now\nlater\n'],
    ['for await (const chunk of process.stdin) console.log(chunk.length)', '3\n'],
    ['console.log(Object.groupBy([1, 2, 3], (n) => n % 2 ? "odd" : "even").odd.length)', '2\n'],
    ['console.log(JSON.stringify(JSON.parse("[1]").concat(2)))', '[1,2]\n'],
    ['import process from "process"; console.log(process.argv.length)', '2\n'],
  ])('%s', async (code, expected) => {
    expect(await js(code, { stdin: 'abc' })).toBe(expected);
  });
  test('an error that nobody caught is exit code 1, with the error in standard error', async () => {
    expect(await js('throw new TypeError("oh")', { return: 'all' })).toMatchObject({ code: 1, stderr: expect.stringContaining('Uncaught TypeError: oh') as never });
    expect(await jsFailure('await Promise.reject(new Error("late"))')).toMatchObject({ status: 500, title: 'Script failed', detail: expect.stringContaining('late') as never });
    expect(await jsFailure('this is no JavaScript')).toMatchObject({ detail: expect.stringContaining('SyntaxError') as never });
  });
  test('an endless script ends with a timeout, and its thread goes on to others', async () => {
    expect(await jsFailure('for (;;);')).toMatchObject({ status: 408, detail: expect.stringContaining('did not end within 4000 ms') as never });
    expect(await jsFailure('await new Promise((done) => setTimeout(done, 1e6))')).toMatchObject({ status: 408 });
    expect(await jsFailure('/(a+)+$/.test("a".repeat(40) + "b")')).toMatchObject({ status: 408 });
    expect(await js('console.log("still here")')).toBe('still here\n');
  });
  test.each([
    ['memory', 'const all = []; for (;;) all.push({})', /needs more than 64 MiB/],
    ['memory, in few large pieces', "const all = []; for (;;) all.push('x'.repeat(100_000) + all.length)", /needs more than 64 MiB/],
    ['memory at once', 'new ArrayBuffer(200 * 1024 * 1024)', /needs more than 64 MiB/],
    ['output', 'for (;;) console.log("x".repeat(1000))', /wrote more than 131072 characters/],
    ['stack', 'const f = () => f() + 1; f()', /call stack|stack overflow/i],
  ])('too much %s is a clear error', async (_, code, detail) => {
    expect((await jsFailure(code)).detail).toMatch(detail);
    expect(await js('console.log("still here")')).toBe('still here\n');
  });
  test('a script reaches no file, module or global of the host, nor what another script left', async () => {
    expect(await jsFailure('import "node:child_process"')).toMatchObject({ detail: expect.stringContaining('there is no module') as never });
    expect(await jsFailure('const { readFileSync } = await import("node:fs"); readFileSync("/etc/passwd", "utf8")')).toMatchObject({ detail: expect.stringContaining('a script has no files') as never });
    expect(await js('globalThis.left = 1; Array.prototype.left = 2; console.log(typeof require, typeof fetch, typeof WebAssembly, typeof __write)')).toBe('undefined undefined undefined undefined\n');
    expect(await js('console.log(typeof left, [].left)')).toBe('undefined undefined\n');
    expect(await js('console.log((() => {}).constructor("return typeof process.binding")())')).toBe('undefined\n');
  });
  test('a script that nobody waits for answers at once', async () => {
    const begun = performance.now();
    expect(await js('for (;;);', { await: false })).toBeNull();
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
  test('a script from elsewhere is fetched', async () => {
    expect(await output('script.run', { language: 'javascript', source: { uri: `${origin}/script.js` }, arguments: ['x'] })).toBe('fetched x\n');
    expect(await failure('script.run', { language: 'javascript', source: { uri: `${origin}/other.js` } })).toMatchObject({ status: 404 });
  });
  test('a cancelled script ends at once', async () => {
    const aborting = new AbortController();
    setTimeout(() => aborting.abort(), 300);
    const begun = performance.now();
    const outcome = await bench([script]).run('script.run', { language: 'javascript', code: 'for (;;);' }, {}, { signal: aborting.signal });
    expect(outcome).toMatchObject({ kind: 'failure', failure: { status: 499 } });
    expect(performance.now() - begun).toBeLessThan(1_500);
  });
});
