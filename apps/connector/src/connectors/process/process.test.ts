import { temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { bench } from '../../testing/run-operation.ts';
import { containerConnector, shellConnector } from './process.ts';

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('shell');
});
afterAll(() => folder.remove());
const allowed = () => bench([shellConnector(folder.path)]);

test('without the operator\'s word no command and no container is run, and the error says what to do', async () => {
  const { failure } = bench([shellConnector(undefined), containerConnector()]);
  expect(await failure('shell.run', { command: 'true' })).toMatchObject({ status: 403, detail: expect.stringContaining('MILLRACE_SHELL_FOLDER') as never });
  expect(await failure('container.run', { image: 'alpine' })).toMatchObject({ status: 501, detail: expect.stringContaining('no containers') as never });
});

test('the specification\'s own example reads its input and its arguments', async () => {
  const command = 'input=$(cat)\necho "STDIN was: $input"\necho "ARGS are $1 $2"\n';
  expect(await allowed().output('shell.run', { command, stdin: 'Hello World', arguments: ['Foo', 'Bar'] })).toBe('STDIN was: Hello World\nARGS are Foo Bar\n');
});

test('it sees the environment that is stated and none of the service\'s, and what is asked for is returned', async () => {
  expect(await allowed().output('shell.run', { command: 'echo "$x$HOME"; echo err >&2; exit 3', environment: { x: 1 }, return: 'all' })).toEqual({ code: 3, stdout: '1\n', stderr: 'err\n' });
  expect(await allowed().output('shell.run', { command: 'exit 4', return: 'code' })).toBe(4);
  expect(await allowed().failure('shell.run', { command: 'echo no >&2; exit 4' })).toMatchObject({ title: expect.anything() as never, detail: expect.stringContaining('') as never });
});

test('a command that does not end is ended with all that it has started, and one that writes too much', async () => {
  const begun = performance.now();
  await allowed().failure('shell.run', { command: 'sleep 60 & sleep 60' }, { timeoutMs: 200 });
  expect(performance.now() - begun).toBeLessThan(5_000);
  await allowed().failure('shell.run', { command: 'yes' }, { timeoutMs: 10_000 });
});
