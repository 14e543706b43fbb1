import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compareContracts } from './compare.ts';
import { DESCRIPTOR_FILE, generateContracts, readTree } from './generate.ts';

const PROTO = 'syntax = "proto3";\npackage example.v1;\nimport "google/protobuf/timestamp.proto";\nmessage Ping { google.protobuf.Timestamp at = 1; }\n';
let dir: string;
let protos: string;
let out: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'millrace-generate-test-'));
  protos = path.join(dir, 'protos');
  out = path.join(dir, 'generated');
  await write(PROTO);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function write(text: string): Promise<void> {
  await mkdir(path.join(protos, 'example/v1'), { recursive: true });
  await writeFile(path.join(protos, 'example/v1/ping.proto'), text);
}

describe('generating the contracts', () => {
  test('gives a file a proto, its imports and the descriptors, the same bytes each time', async () => {
    await generateContracts(protos, out);
    const files = await readTree(out);
    expect([...files.keys()]).toEqual([DESCRIPTOR_FILE, 'example/v1/ping.ts', 'google/protobuf/timestamp.ts']);
    expect(files.get('example/v1/ping.ts')?.toString()).toContain('export interface Ping');
    expect(await compareContracts(protos, out)).toEqual([]);
  }, 60_000);

  test('removes what no proto stands for any more', async () => {
    await mkdir(out, { recursive: true });
    await writeFile(path.join(out, 'gone.ts'), '');
    await generateContracts(protos, out);
    expect([...(await readTree(out)).keys()]).not.toContain('gone.ts');
  }, 60_000);

  test('a proto that was changed, an output that is missing and one that is left over are told apart', async () => {
    await generateContracts(protos, out);
    await write(PROTO.replace('Ping', 'Pong'));
    await rm(path.join(out, 'google/protobuf/timestamp.ts'));
    await writeFile(path.join(out, 'gone.ts'), '');
    expect(await compareContracts(protos, out)).toEqual([
      { kind: 'stale', file: DESCRIPTOR_FILE },
      { kind: 'stale', file: 'example/v1/ping.ts' },
      { kind: 'left-over', file: 'gone.ts' },
      { kind: 'missing', file: 'google/protobuf/timestamp.ts' },
    ]);
  }, 60_000);

  test('a proto that does not compile is refused with its place and the output stays', async () => {
    await generateContracts(protos, out);
    const before = await readTree(out);
    await write(PROTO.replace('= 1', ''));
    await expect(generateContracts(protos, out)).rejects.toThrow(/ping\.proto:4:\d+/);
    expect(await readTree(out)).toEqual(before);
  }, 60_000);
});
