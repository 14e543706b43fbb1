/**
 * One thread that runs JavaScript in QuickJS, compiled to WebAssembly: one script after another, each in a runtime
 * of its own that is thrown away.
 *
 * - A script reaches nothing but its job: no file, no network, no other script. Modules are the few of the prelude.
 * - Time is looked at by the interpreter itself; the stack is the runtime's own limit. Memory ends where the module's
 *   memory does: QuickJS counts only how many allocations there are when it is compiled to WebAssembly, not how large
 *   they are. Whatever does not heed these ends with its thread, which the other side takes away.
 */
import variantModule from '@jitl/quickjs-ng-wasmfile-release-sync';
import { parentPort } from 'node:worker_threads';
import { newQuickJSWASMModuleFromVariant, newVariant, type QuickJSContext, type QuickJSHandle, type QuickJSRuntime, type QuickJSSyncVariant, type QuickJSWASMModule } from 'quickjs-emscripten-core';
import { SCRIPT_JAVASCRIPT_MEMORY_BYTES_MAX } from '../../limits.ts';
import { JAVASCRIPT_MODULES, JAVASCRIPT_PRELUDE } from './javascript-prelude.ts';
import type { ScriptJob, ScriptProblem, ScriptReply } from './script-job.ts';

/** Stack of a script, bytes: below the interpreter's own, so that a script that recurses without end gets an error. */
const STACK_BYTES_MAX = 256 * 1024;
/** What a module takes at once: less than it is compiled for is refused. Pages of WebAssembly, 64 KiB each. */
const PAGES_FIRST = 256;
const PAGE_BYTES = 64 * 1024;
const OUT_OF_MEMORY = /out of memory/;

/** What a running script has come to. */
interface Progress {
  stdout: string;
  stderr: string;
  exitCode: number | undefined;
  /** By itself, in the middle of what it did. */
  hasExited: boolean;
  stopped: ScriptProblem | undefined;
}

const sleep = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

function run(quickjs: QuickJSWASMModule, job: ScriptJob): ScriptReply {
  const { number, limits } = job;
  const endMs = performance.now() + limits.timeMsMax;
  const progress: Progress = { stdout: '', stderr: '', exitCode: undefined, hasExited: false, stopped: undefined };
  const runtime = quickjs.newRuntime({ memoryLimitBytes: limits.memoryBytesMax, maxStackSizeBytes: STACK_BYTES_MAX });
  runtime.setInterruptHandler(() => {
    if (performance.now() > endMs) progress.stopped ??= 'time';
    return progress.stopped !== undefined || progress.exitCode !== undefined;
  });
  runtime.setModuleLoader((name) => JAVASCRIPT_MODULES[name] ?? JAVASCRIPT_MODULES[`node:${name}`] ?? { error: new Error(`there is no module '${name}': a script may import node:fs, node:process and node:util`) });
  const context = runtime.newContext();
  try {
    execute(runtime, context, job, progress, endMs);
  } catch (error) {
    // Leaving a runtime that has run out of memory halfway; the module goes with it.
    broken = true;
    progress.stopped ??= OUT_OF_MEMORY.test(String(error)) ? 'memory' : 'internal';
    return { number, kind: 'stopped', problem: progress.stopped, detail: error instanceof Error ? error.message : String(error) };
  }
  // A script cut off in the middle may leave objects behind, at which QuickJS aborts when a runtime is freed.
  if (progress.stopped === undefined && !progress.hasExited) dispose(context, runtime);
  else broken = true;
  if (progress.stopped !== undefined) return { number, kind: 'stopped', problem: progress.stopped, detail: progress.stderr.slice(-500) };
  return { number, kind: 'exited', code: progress.exitCode ?? 0, stdout: progress.stdout, stderr: progress.stderr };
}

/** Set when the module must not be used again. */
let broken = false;

function dispose(context: QuickJSContext, runtime: QuickJSRuntime): void {
  try {
    context.dispose();
    runtime.dispose();
  } catch {
    broken = true;
  }
}

function execute(runtime: QuickJSRuntime, context: QuickJSContext, job: ScriptJob, progress: Progress, endMs: number): void {
  const ended = (): boolean => progress.stopped !== undefined || progress.exitCode !== undefined;
  offer(context, job, progress, ended);
  const prelude = context.unwrapResult(context.evalCode(JAVASCRIPT_PRELUDE, 'prelude.js'));
  context.getProp(prelude, 'modules').consume((modules) => context.setProp(context.global, '__modules', modules));
  const inspect = context.getProp(prelude, 'inspect');
  /** An error that nobody caught ends the script, as it does in Node. */
  const fail = (error: QuickJSHandle): void => {
    if (!ended()) {
      const text = describe(context, inspect, error);
      // Without room for an error QuickJS throws null.
      if (OUT_OF_MEMORY.test(text) || (text === 'null' && isNearlyFull())) progress.stopped = 'memory';
      else {
        progress.stderr += `Uncaught ${text}\n`;
        progress.exitCode = 1;
      }
    }
    error.dispose();
  };
  const settle = (): void => {
    const jobs = runtime.executePendingJobs();
    if (jobs.error) fail(jobs.error);
    else jobs.dispose();
  };

  const evaluated = context.evalCode(job.code, 'script.mjs', { type: 'module' });
  let outcome: QuickJSHandle | undefined;
  if (evaluated.error) fail(evaluated.error);
  else outcome = evaluated.value;
  const runTimer = context.getProp(prelude, 'runTimer');
  while (!ended()) {
    settle();
    if (ended()) break;
    const state = outcome === undefined ? undefined : context.getPromiseState(outcome);
    if (state?.type === 'rejected') {
      fail(state.error);
      break;
    }
    if (state?.type === 'fulfilled' && state.notAPromise !== true) state.value.dispose();
    const waited = context.callFunction(runTimer, context.undefined);
    if (waited.error) {
      fail(waited.error);
      break;
    }
    const waitMs = waited.value.consume((value) => context.getNumber(value));
    if (waitMs < 0) break;
    if (performance.now() + waitMs > endMs) progress.stopped = 'time';
    else if (waitMs > 0) sleep(waitMs);
  }
  outcome?.dispose();
  if (progress.exitCode === undefined && progress.stopped === undefined) {
    const code = context.getProp(prelude, 'exitCode').consume((exitCode) => context.unwrapResult(context.callFunction(exitCode, context.undefined)));
    progress.exitCode = code.consume((value) => context.getNumber(value));
  }
  for (const handle of [runTimer, inspect, prelude]) handle.dispose();
}

/** The functions of the host that the prelude takes. */
function offer(context: QuickJSContext, job: ScriptJob, progress: Progress, ended: () => boolean): void {
  const give = (name: string, run: (...values: QuickJSHandle[]) => QuickJSHandle | undefined): void => {
    context.newFunction(name, run).consume((handle) => context.setProp(context.global, name, handle));
  };
  give('__write', (fd, text) => {
    if (fd === undefined || text === undefined || ended()) return undefined;
    if (context.getNumber(fd) === 1) progress.stdout += context.getString(text);
    else progress.stderr += context.getString(text);
    if (progress.stdout.length + progress.stderr.length > job.limits.outputCharactersMax) progress.stopped = 'output';
    return undefined;
  });
  give('__exit', (code) => {
    progress.hasExited = true;
    progress.exitCode ??= code === undefined ? 0 : Math.trunc(context.getNumber(code)) & 0xff;
    throw new Error('the script has exited');
  });
  give('__stdin', () => context.newString(job.stdin));
  give('__job', () => context.newString(JSON.stringify({ arguments: job.arguments, environment: job.environment })));
}

function describe(context: QuickJSContext, inspect: QuickJSHandle, error: QuickJSHandle): string {
  const described = context.callFunction(inspect, context.undefined, error);
  if (described.error) {
    const dumped: unknown = context.dump(described.error);
    described.error.dispose();
    return typeof dumped === 'object' && dumped !== null && 'message' in dumped ? String(dumped.message) : 'an error that cannot be shown';
  }
  return described.value.consume((text) => context.getString(text));
}

// The module's types are those of its CommonJS form, whose default export Node gives as the whole.
const variant = variantModule as unknown as QuickJSSyncVariant;

interface ModuleMemory {
  readonly buffer: ArrayBufferLike;
}
/** What is used of it here; the types of Node leave it out. WebAssembly JavaScript Interface, section 5.3. */
declare const WebAssembly: { readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => ModuleMemory };

let wasmMemory: ModuleMemory;

function openModule(): Promise<QuickJSWASMModule> {
  wasmMemory = new WebAssembly.Memory({ initial: PAGES_FIRST, maximum: SCRIPT_JAVASCRIPT_MEMORY_BYTES_MAX / PAGE_BYTES });
  return newQuickJSWASMModuleFromVariant(newVariant(variant, { wasmMemory }));
}

/** Whether the module's memory has grown nearly as far as it may: it grows by large steps, and not by part of one. */
function isNearlyFull(): boolean {
  return wasmMemory.buffer.byteLength > 0.75 * SCRIPT_JAVASCRIPT_MEMORY_BYTES_MAX;
}

const port = parentPort;
if (port === null) throw new TypeError('this file is run as a thread');
let quickjs = await openModule();
port.on('message', (job: ScriptJob) => {
  void (async () => {
    if (broken) {
      quickjs = await openModule();
      broken = false;
    }
    port.postMessage(run(quickjs, job));
  })();
});
port.postMessage({ kind: 'ready' });
