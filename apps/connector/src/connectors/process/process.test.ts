import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { eventually, temporaryFolder, type TemporaryFolder } from '@millrace/testkit';
import { bench } from '../../testing/run-operation.ts';
import { containerConnector, shellConnector } from './process.ts';

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('shell');
});
afterAll(() => folder.remove());
const allowed = () => bench([shellConnector(folder.path)]);

test('without the operator\'s word no command and no container is run, and the error says what to do', async () => {
  const { failure } = bench([shellConnector(undefined), containerConnector({ engine: [], volumes: undefined })]);
  expect(await failure('shell.run', { command: 'true' })).toMatchObject({ status: 403, detail: expect.stringContaining('MILLRACE_SHELL_FOLDER') as never });
  expect(await failure('container.run', { image: 'alpine' })).toMatchObject({ status: 403, detail: expect.stringContaining('MILLRACE_CONTAINER_ENGINE') as never });
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

// An engine's command line that notes what it is asked for, and runs what a container would run on this machine.
const ENGINE = `#!/bin/sh
echo "$*" >> "$(dirname "$0")/asked"
[ "$1" = run ] || exit 0
while [ "$1" != alpine ]; do [ "$1" = --env ] && export "$2"; shift; done
shift
exec "$@"
`;

describe('a container is run by the engine that the operator names', () => {
  let engine: string;
  beforeAll(async () => {
    engine = path.join(folder.path, 'engine');
    await writeFile(engine, ENGINE);
    await chmod(engine, 0o755);
  });
  const asked = async (): Promise<readonly string[]> => (await readFile(path.join(folder.path, 'asked'), 'utf8')).trim().split('\n');
  const containers = () => bench([containerConnector({ engine: [engine], volumes: '/srv/data' })]);

  test('with its input, arguments and environment, and answers as it is asked to', async () => {
    const command = 'echo "STDIN was: $(cat)"; echo "ARGS are $1 $2, $color"; exit 3';
    const output = await containers().output('container.run', { image: 'alpine', name: 'job', command, stdin: 'Hello', arguments: ['Foo', 'Bar'], environment: { color: 'red' }, ports: { 8080: 80 }, volumes: { '/srv/data/in': '/in' }, pullPolicy: 'always', lifetime: { cleanup: 'always' }, return: 'all' });
    expect(output).toEqual({ code: 3, stdout: 'STDIN was: Hello\nARGS are Foo Bar, red\n', stderr: '' });
    expect((await asked()).at(-1)).toBe(`run --interactive --name job --pull always --rm --env color=red --publish 8080:80 --volume /srv/data/in:/in alpine sh -c ${command} sh Foo Bar`);
  });

  test('under a name of its own, kept unless the task says otherwise, and removed later where it does', async () => {
    expect(await containers().output('container.run', { image: 'alpine', arguments: ['echo', 'plain'] })).toBe('plain\n');
    expect((await asked()).at(-1)).toMatch(/^run --interactive --name millrace-x1-1-\d+-1 --pull missing alpine echo plain$/);
    await containers().output('container.run', { image: 'alpine', name: 'later', arguments: ['true'], lifetime: { cleanup: 'eventually', after: { milliseconds: 10 } } });
    await eventually(async () => (await asked()).at(-1) === 'rm --force later', { what: 'the removal' });
  });

  test('one that does not end in its time is removed', async () => {
    await containers().failure('container.run', { image: 'alpine', name: 'endless', arguments: ['sleep', '60'] }, { timeoutMs: 200 });
    await eventually(async () => (await asked()).at(-1) === 'rm --force endless', { what: 'the removal' });
  });

  test.each([
    ['a folder elsewhere', { volumes: { '/srv/data/../../etc': '/in' } }, 'not below the folder'],
    ['an image that is an option', { image: '--privileged' }, 'is no image'],
    ['a name that is none', { name: '-v' }, 'cannot be the name'],
  ])('refuses %s', async (_, change, detail) => {
    expect(await containers().failure('container.run', { image: 'alpine', ...change })).toMatchObject({ status: 403, detail: expect.stringContaining(detail) as never });
  });
});
