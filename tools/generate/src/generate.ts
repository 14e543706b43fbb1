/**
 * Turns protos/ into the TypeScript of @millrace/contracts.
 *
 * Owns: the options of the generator and the shape of the output folder.
 * Does not own: what the protos say, and where the generated code is used.
 *
 * Invariants
 * 1. The output is a function of the protos and the pinned generator alone: two runs give the same bytes.
 * 2. Nothing is fetched: modules are local, the well-known types come with buf.
 * 3. An output folder is replaced only after the whole generation has succeeded.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** How long one call of buf may take, in milliseconds. Cold, on two busy cores, it needs about three seconds. */
const BUF_TIMEOUT_MS = 120_000;
/** Most bytes that buf may print before it is stopped. */
const BUF_OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** Characters of base64 a line in the descriptor file, so that a change touches few lines. */
const BASE64_LINE_CHARS = 112;

/** ts-proto's options: they satisfy the strict compiler options and Node's type stripping. */
const TS_PROTO_OPTIONS: readonly string[] = [
  'esModuleInterop=true',
  'env=node',
  'forceLong=number',
  'oneof=unions-value',
  'enumsAsLiterals=true',
  'unrecognizedEnum=false',
  'useReadonlyTypes=true',
  'useDate=false',
  'importSuffix=.ts',
  'outputJsonMethods=false',
  'outputServices=grpc-js',
];

/** Name of the generated file that holds the FileDescriptorSet of every proto, for gRPC reflection. */
export const DESCRIPTOR_FILE = 'descriptor-set.ts';

/** buf could not read, check or generate; the message is what it printed. */
export class GenerationError extends Error {
  override readonly name = 'GenerationError';
}

/**
 * Generates every proto under `protosDir` into `outDir`, replacing what was there.
 *
 * @throws GenerationError when a proto does not compile, with file, line and column.
 */
export async function generateContracts(protosDir: string, outDir: string): Promise<void> {
  const staging = await mkdtemp(path.join(tmpdir(), 'millrace-generate-'));
  try {
    const fresh = path.join(staging, 'out');
    await mkdir(fresh);
    await generateSources(protosDir, fresh);
    await generateDescriptors(protosDir, staging, fresh);
    await replaceFolder(fresh, outDir);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function generateSources(protosDir: string, outDir: string): Promise<void> {
  const plugin = createRequire(import.meta.url).resolve('ts-proto/protoc-gen-ts_proto');
  const template = {
    version: 'v2',
    plugins: [
      {
        // Started with the Node that runs this, whatever `node` on PATH is.
        local: [process.execPath, plugin],
        out: outDir,
        opt: TS_PROTO_OPTIONS,
        strategy: 'all',
        include_imports: true,
        include_wkt: true,
      },
    ],
  };
  await buf(['generate', protosDir, '--template', JSON.stringify(template)]);
}

async function generateDescriptors(protosDir: string, staging: string, outDir: string): Promise<void> {
  const image = path.join(staging, 'descriptors.binpb');
  await buf(['build', protosDir, '--as-file-descriptor-set', '--exclude-source-info', '-o', image]);
  const base64 = (await readFile(image)).toString('base64');
  const lines = base64.match(new RegExp(`.{1,${BASE64_LINE_CHARS}}`, 'g')) ?? [];
  const source = [
    '// Generated from protos/ by `npm run generate`. Do not edit.',
    '',
    '/** Every proto with its imports, as a serialized google.protobuf.FileDescriptorSet in base64. */',
    'export const FILE_DESCRIPTOR_SET_BASE64: string = [',
    ...lines.map((line) => `  '${line}',`),
    "].join('');",
    '',
  ];
  await writeFile(path.join(outDir, DESCRIPTOR_FILE), source.join('\n'));
}

async function buf(args: readonly string[]): Promise<void> {
  const launcher = createRequire(import.meta.url).resolve('@bufbuild/buf/bin/buf');
  try {
    await run(process.execPath, [launcher, ...args], { timeout: BUF_TIMEOUT_MS, maxBuffer: BUF_OUTPUT_BYTES_MAX });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const printed = `${stdout}${stderr}`.trim();
    throw new GenerationError(printed === '' ? `buf ${args[0]} failed: ${String(error)}` : printed, { cause: error });
  }
}

/** Copies into a neighbour of the target first, so that the swap itself is two renames. */
async function replaceFolder(from: string, to: string): Promise<void> {
  const incoming = `${to}.incoming-${process.pid}`;
  const outgoing = `${to}.outgoing-${process.pid}`;
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true });
  for (const [name, bytes] of await readTree(from)) {
    const file = path.join(incoming, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
  await rename(to, outgoing).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(incoming, to);
  await rm(outgoing, { recursive: true, force: true });
}

/** Every file under `dir` by its relative path with `/`, in order of name; none when the folder is missing. */
export async function readTree(dir: string): Promise<ReadonlyMap<string, Buffer>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .sort();
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(path.join(dir, name))] as const)));
}
