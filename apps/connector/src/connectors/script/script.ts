/**
 * `script.run`: a script of the workflow's author, in a sandbox (DSL reference, Script Process).
 *
 * Owns what a script is given and what its end means. Does not own the sandboxes (the threads).
 *
 * - A script has no files, no network and no other way out than its output, so running it twice does nothing more:
 *   `safe`.
 * - Time, memory and output have limits; a script that exceeds one is ended, and the failure says which.
 */
import { failure, refused } from '../../failure.ts';
import { SCRIPT_CODE_BYTES_MAX, SCRIPT_JAVASCRIPT_MEMORY_BYTES_MAX, SCRIPT_OUTPUT_CHARACTERS_MAX, SCRIPT_PYTHON_MEMORY_BYTES_MAX, SCRIPT_TIMEOUT_MS, SCRIPT_THREADS } from '../../limits.ts';
import type { ConnectorManifest, JsonObject, JsonValue, OperationCall, Performed } from '../../manifest.ts';
import { ResourceFailed, resourceSchema, type ResourceStore } from '../../resource-store.ts';
import type { ScriptLanguage, ScriptLimits, ScriptProblem } from './script-job.ts';
import { createScriptThreads, type ScriptAnswer } from './script-threads.ts';

const argumentsSchema = {
  type: 'object',
  required: ['language'],
  properties: {
    language: { enum: ['javascript', 'python'] },
    code: { type: 'string' },
    source: resourceSchema,
    arguments: { type: 'array' },
    environment: { type: 'object' },
    stdin: true,
    await: { type: 'boolean' },
    return: { enum: ['stdout', 'stderr', 'code', 'all', 'none'] },
  },
  oneOf: [{ required: ['code'] }, { required: ['source'] }],
  additionalProperties: false,
} as const;

const MEMORY_BYTES_MAX: Readonly<Record<ScriptLanguage, number>> = { javascript: SCRIPT_JAVASCRIPT_MEMORY_BYTES_MAX, python: SCRIPT_PYTHON_MEMORY_BYTES_MAX };

export interface ScriptConnector extends ConnectorManifest {
  close(): Promise<void>;
}

export interface ScriptConnectorOptions {
  /** Where scripts that stand elsewhere come from. */
  readonly resources: Pick<ResourceStore, 'get'>;
  readonly limits?: Partial<ScriptLimits>;
  readonly threads?: number;
}

export function scriptConnector({ resources, limits = {}, threads = SCRIPT_THREADS }: ScriptConnectorOptions): ScriptConnector {
  const runners = { javascript: createScriptThreads('javascript', threads), python: createScriptThreads('python', threads) };

  async function run(call: OperationCall): Promise<Performed> {
    const args = call.arguments;
    const language = args['language'] as ScriptLanguage;
    let code = args['code'];
    if (typeof code !== 'string') {
      try {
        code = (await resources.get(args['source'], call)).text;
      } catch (error) {
        if (error instanceof ResourceFailed) return error.performed;
        throw error;
      }
    }
    if (Buffer.byteLength(code) > SCRIPT_CODE_BYTES_MAX) return refused(failure('configuration', 400, `the script is larger than ${SCRIPT_CODE_BYTES_MAX} bytes`));
    const own: ScriptLimits = {
      timeMsMax: call.timeoutMs,
      memoryBytesMax: MEMORY_BYTES_MAX[language],
      outputCharactersMax: SCRIPT_OUTPUT_CHARACTERS_MAX,
      ...limits,
    };
    const job = { code, arguments: listOf(args['arguments']), environment: environmentOf(args['environment']), stdin: textOf(args['stdin'] ?? ''), limits: own };
    if (args['await'] === false) {
      // Nobody waits: it runs on by itself, within its limits, whatever becomes of the step.
      void runners[language].run(job, new AbortController().signal);
      return { kind: 'output', value: null };
    }
    return performedOf(await runners[language].run(job, call.signal), String(args['return'] ?? 'stdout'), own);
  }

  return {
    id: 'script',
    version: '1.0.0',
    title: 'Scripts',
    auth: ['none'],
    operations: {
      run: {
        summary: 'Runs a script in a sandbox without files or network: JavaScript (ES2024) or Python 3.13',
        arguments: argumentsSchema as never,
        output: true as never,
        retryClass: 'safe',
        timeoutMs: SCRIPT_TIMEOUT_MS,
        action: { kind: 'run', run },
      },
    },
    close: async () => {
      await Promise.all([runners.javascript.close(), runners.python.close()]);
    },
  };
}

/** DSL reference, Run: what `return` makes of the process's end. */
function performedOf(answer: ScriptAnswer, wanted: string, limits: ScriptLimits): Performed {
  switch (answer.kind) {
    case 'exited': {
      const { code, stdout, stderr } = answer;
      if (wanted === 'all') return { kind: 'output', value: { code, stdout, stderr } };
      if (wanted === 'code') return { kind: 'output', value: code };
      // Nobody looks at the code: then a script that failed must not pass for one that did not.
      if (code !== 0) return refused(failure('runtime', 500, `the script ended with exit code ${code}: ${quoted(stderr)}`, 'Script failed'));
      return { kind: 'output', value: wanted === 'stderr' ? stderr : wanted === 'none' ? null : stdout };
    }
    case 'stopped':
      return refused(failure(answer.problem === 'time' ? 'timeout' : 'runtime', answer.problem === 'time' ? 408 : 500, `${reasonFor(answer.problem, limits)}${answer.detail === '' ? '' : `: ${quoted(answer.detail)}`}`, 'Script stopped'));
    case 'ended':
      return answer.reason === 'time' ? refused(failure('timeout', 408, reasonFor('time', limits), 'Script stopped')) : refused(failure('runtime', 499, 'the script was cancelled', 'Cancelled'));
    case 'not-run':
      return answer.reason === 'full' ? refused(failure('runtime', 503, 'too many scripts wait for their turn in this worker; try again later')) : refused(failure('runtime', 499, 'the script was cancelled before its turn', 'Cancelled'));
    case 'lost':
      return refused(failure('runtime', 500, `the sandbox of the script broke: ${answer.detail}`, 'Script stopped'));
  }
}

function reasonFor(problem: ScriptProblem, limits: ScriptLimits): string {
  switch (problem) {
    case 'time':
      return `the script was stopped: it did not end within ${limits.timeMsMax} ms`;
    case 'memory':
      return `the script was stopped: it needs more than ${Math.round(limits.memoryBytesMax / 1024 / 1024)} MiB of memory`;
    case 'output':
      return `the script was stopped: it wrote more than ${limits.outputCharactersMax} characters`;
    case 'internal':
      return 'the script was stopped: its interpreter broke';
  }
}

function quoted(text: string): string {
  const tail = text.trim();
  return tail.length <= 500 ? tail : `…${tail.slice(-500)}`;
}

/** A process knows texts only: what is none becomes JSON. */
function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function listOf(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]).map(textOf) : [];
}

function environmentOf(value: JsonValue | undefined): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value as JsonObject).map(([name, each]) => [name, textOf(each)]));
}
