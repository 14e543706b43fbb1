import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { runCommandLine } from './command-line.ts';
import { recordedTerminal, type RecordedTerminal } from './testing/recorded-terminal.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-cli-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const WORKFLOW = `document:
  dsl: '1.0.3'
  namespace: test
  name: hello
  version: 1.0.0
do:
  - greet:
      set:
        message: \${ "hello " + .name }
`;

async function run(...words: readonly string[]): Promise<{ readonly status: number; readonly terminal: RecordedTerminal }> {
  const terminal = recordedTerminal({ directory: folder });
  return { status: await runCommandLine(words, terminal), terminal };
}

async function file(name: string, text: string): Promise<string> {
  await writeFile(path.join(folder, name), text);
  return name;
}

describe('validate', () => {
  test('says what is in a file that is right', async () => {
    const name = await file('right.yaml', `${WORKFLOW}---\nmillrace: v1\nkind: organisation\nname: acme\nspec: {}\n`);
    const { status, terminal } = await run('validate', name);
    expect(terminal.output()).toBe('right.yaml: valid (workflow hello@1.0.0, organisation acme)\n');
    expect(status).toBe(0);
  });

  test('shows problems of workflows and resources with place and suggestion, and ends with status 1', async () => {
    const name = await file('wrong.yaml', `${WORKFLOW.replace('set:', 'sett:')}---\nmillrace: v1\nkind: limits\nname: acme\nspec:\n  concurency: 3\n`);
    const { status, terminal } = await run('validate', name);
    expect(terminal.output()).toMatchInlineSnapshot(`
"wrong.yaml:7:5: \`greet\` is no task that the DSL knows: it needs one of \`call\`, \`do\`, \`emit\`, \`for\`, \`fork\`, \`listen\`, \`raise\`, \`run\`, \`set\`, \`switch\`, \`try\`, \`wait\`
  \`sett\` is probably meant to be \`set\`
wrong.yaml:15:3: there is no property \`concurency\` in \`spec\`
  did you mean \`concurrency\`?
"
`);
    expect(status).toBe(1);
  });

  test('as JSON, problems have file, line and column of their own', async () => {
    const name = await file('expression.yaml', WORKFLOW.replace('"hello " + .name', '.name |'));
    const { status, terminal } = await run('validate', name, '--output', 'json');
    expect(JSON.parse(terminal.output())).toMatchObject({ valid: false, files: [{ file: name, documents: [], problems: [{ file: name, line: 9, column: expect.any(Number), reason: 'workflow-invalid' }] }] });
    expect(status).toBe(1);
  });
});

describe('failures', () => {
  test('a file that is not there is one sentence, and as JSON a problem document too', async () => {
    const { status, terminal } = await run('validate', 'nowhere.yaml', '--output', 'json');
    expect(terminal.errors()).toBe('millrace: nowhere.yaml cannot be read: there is no such file.\n');
    expect(JSON.parse(terminal.output())).toMatchObject({ status: 400, reason: 'argument-invalid' });
    expect(status).toBe(1);
  });

  test('wrong usage shows how it is used', async () => {
    const { status, terminal } = await run('show');
    expect(terminal.errors()).toBe('millrace: show needs ID.\nUsage: millrace show ID\n');
    expect(status).toBe(1);
  });

  test('an unknown command names the help', async () => {
    const { status, terminal } = await run('start');
    expect(terminal.errors()).toContain('there is no command start; `millrace help` lists them');
    expect(status).toBe(1);
  });

  test('without a cluster a command says how to start one', async () => {
    const { status, terminal } = await run('list');
    expect(terminal.errors()).toBe(`millrace: No Millrace is up on ${folder}/.millrace; start one with \`millrace up\`, or name a gateway in MILLRACE_GATEWAY.\n`);
    expect(status).toBe(1);
  });

  test('input that is not JSON is refused before anything is asked', async () => {
    const { status, terminal } = await run('run', 'hello', '--input', '{a:1}');
    expect(terminal.errors()).toContain('the input of --input is not JSON');
    expect(status).toBe(1);
  });
});

test('the help lists every command that is for people', async () => {
  const { status, terminal } = await run('help');
  for (const name of ['up', 'down', 'status', 'doctor', 'apply', 'validate', 'run', 'list', 'show', 'tail', 'trace', 'cancel']) expect(terminal.output()).toMatch(new RegExp(`^  ${name} `, 'm'));
  expect(terminal.output()).not.toContain('supervise');
  expect(status).toBe(0);
});
