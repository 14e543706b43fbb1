/**
 * One thread that runs one Python script in Pyodide (CPython compiled to WebAssembly), in a realm that has nothing
 * of the host (python-realm.ts). The other side takes the thread away afterwards, and at the time limit: the
 * interpreter itself is never asked to stop.
 */
import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import vm from 'node:vm';
import { parentPort } from 'node:worker_threads';
import { SCRIPT_PYTHON_MEMORY_BYTES_MAX } from '../../limits.ts';
import { PYTHON_REALM, PYTHON_RUNNER } from './python-realm.ts';
import type { ScriptJob, ScriptProblem, ScriptReply } from './script-job.ts';

/** Random bytes that the interpreter may draw from. */
const RANDOM_BYTES = 4_096;
/** How often the start of the interpreter is looked at, milliseconds. */
const STEP_MS = 1;

/** What the realm's text yields. Its objects belong to the realm: nothing of this side is ever given to them but texts and numbers. */
interface Realm {
  file(name: string, length: number): Uint8Array;
  random(length: number): Uint8Array;
  start(memoryBytesMax: number): void;
  step(): string;
  run(job: string): string;
}

interface Ended {
  readonly code?: number;
  readonly stopped?: ScriptProblem;
  readonly detail?: string;
  readonly stdout: string;
  readonly stderr: string;
}

async function startPython(): Promise<Realm> {
  const folder = path.dirname(createRequire(import.meta.url).resolve('pyodide/package.json'));
  const context = vm.createContext(vm.constants.DONT_CONTEXTIFY, { codeGeneration: { strings: false, wasm: true } });
  const realm = vm.runInContext(PYTHON_REALM, context, { filename: 'realm.js' }) as Realm;
  for (const name of ['pyodide.asm.wasm', 'python_stdlib.zip', 'pyodide-lock.json']) {
    const bytes = readFileSync(path.join(folder, name));
    realm.file(name, bytes.length).set(bytes);
  }
  randomFillSync(realm.random(RANDOM_BYTES));
  for (const name of ['pyodide.asm.js', 'pyodide.js']) {
    const text = readFileSync(path.join(folder, name), 'utf8').replace(/\bimport\(/g, '__noImport(');
    vm.runInContext(text, context, { filename: name });
  }
  realm.start(SCRIPT_PYTHON_MEMORY_BYTES_MAX);
  for (;;) {
    const state = realm.step();
    if (state === 'ready') return realm;
    if (state !== 'starting') throw new Error(`Python did not start: ${state.slice(0, 300)}`);
    await sleep(STEP_MS);
  }
}

function run(realm: Realm, { number, code, arguments: argv, environment, stdin, limits }: ScriptJob): ScriptReply {
  const job = JSON.stringify({ code, arguments: argv, environment, stdin, outputCharactersMax: limits.outputCharactersMax, runner: PYTHON_RUNNER });
  const { code: exitCode, stopped, detail, stdout, stderr } = JSON.parse(realm.run(job)) as Ended;
  if (stopped !== undefined) return { number, kind: 'stopped', problem: stopped, detail: detail ?? '' };
  return { number, kind: 'exited', code: exitCode ?? 0, stdout, stderr };
}

const port = parentPort;
if (port === null) throw new TypeError('this file is run as a thread');
const realm = await startPython();
port.on('message', (job: ScriptJob) => port.postMessage(run(realm, job)));
port.postMessage({ kind: 'ready' });
