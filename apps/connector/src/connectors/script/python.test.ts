import { jest } from '@jest/globals';
import { createAuthenticator } from '../../auth/authenticator.ts';
import { createAddressGuard } from '../../address-guard.ts';
import { createOutboundHttp } from '../../outbound/outbound-http.ts';
import { createResourceStore } from '../../resource-store.ts';
import { bench } from '../../testing/run-operation.ts';
import { scriptConnector } from './script.ts';

const http = createOutboundHttp(createAddressGuard({ allowLoopback: true }));
const resources = createResourceStore({ http, authenticator: createAuthenticator(http), fileRoot: undefined });
const script = scriptConnector({ resources, limits: { timeMsMax: 15_000 }, threads: 1 });
const { output, failure } = bench([script]);
const python = (code: string, more: object = {}) => output('script.run', { language: 'python', code, ...more }, { timeoutMs: 100_000 });
const pythonFailure = (code: string) => failure('script.run', { language: 'python', code }, { timeoutMs: 100_000 });

jest.setTimeout(120_000);
afterAll(async () => {
  await Promise.all([script.close(), http.close()]);
});

test('a script reads standard input, arguments and environment and writes its output', async () => {
  const code = 'import json, os, sys\nprint(json.dumps([sys.version_info[:2], sys.argv[1:], os.environ["foo"], sys.stdin.read(), "é"]))\nprint("err", file=sys.stderr)\nsys.exit(3)';
  const all = (await python(code, { arguments: ['hello'], environment: { foo: 'bar' }, stdin: 'in ö', return: 'all' })) as { code: number; stdout: string; stderr: string };
  expect(all).toMatchObject({ code: 3, stderr: 'err\n' });
  expect(JSON.parse(all.stdout)).toEqual([[3, 13], ['hello'], 'bar', 'in ö', 'é']);
});

test('an exception that nobody caught is exit code 1 with its traceback', async () => {
  expect(await pythonFailure('def f():\n  raise ValueError("oh")\nf()')).toMatchObject({ status: 500, title: 'Script failed', detail: expect.stringMatching(/File "script.py", line 3[\s\S]*ValueError: oh/) as never });
});

test('too much memory and too much output are clear errors', async () => {
  expect((await pythonFailure('x = bytearray(300 * 1024 * 1024)')).detail).toMatch(/needs more than 256 MiB/);
  expect((await pythonFailure('while True: print("x" * 1000)')).detail).toMatch(/wrote more than 131072 characters/);
});

test('a script reaches no file, network, process or JavaScript of the host, nor what another left', async () => {
  const tries = ['open("/etc/passwd")', 'socket.create_connection(("127.0.0.1", 22))', 'subprocess.run(["ls"])', 'run_js("1 + 1")', 'js.process', 'js.eval("1")', 'js.Object.constructor("return 1")()', 'pyodide_js.constructor.constructor("return globalThis.process")()', 'pyodide_js._module.FS.filesystems.NODEFS.getMode("/etc/passwd")', 'sys.left'];
  const code = `import js, pyodide_js, socket, subprocess, sys\nfrom pyodide.code import run_js\nfor each in ${JSON.stringify(tries)}:\n  try:\n    print(each, "=>", eval(each))\n  except BaseException as error:\n    print("refused")\nsys.left = 1`;
  for (let round = 0; round < 2; round++) expect(await python(code)).toBe('refused\n'.repeat(tries.length));
});

test('an endless script ends with a timeout', async () => {
  const quick = scriptConnector({ resources, limits: { timeMsMax: 300 }, threads: 1 });
  expect(await bench([quick]).failure('script.run', { language: 'python', code: 'while True: pass' }, { timeoutMs: 100_000 })).toMatchObject({ status: 408, detail: expect.stringContaining('within 300 ms') as never });
  await quick.close();
});
