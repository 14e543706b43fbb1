/**
 * Mocks: what steps answer in a test.
 *
 * Owns which mock is for which step, and what it answers each time. Does not own the order of time.
 *
 * M1 The first mock that matches answers; one whose `answers` are used up repeats the last one.
 * M2 What is not mocked and cannot be answered from the step itself (`emit`, `echo`) is a failure of the test,
 *    never a guess.
 */
import { compileSource, expressionSource, type SourceResult } from '@millrace/dsl';
import { EXPRESSION_ALLOCATION_MAX, EXPRESSION_DEPTH_MAX, EXPRESSION_FUEL_MAX, PROBLEM_TYPES, statedDurationMs, type JsonValue, type Problem } from '@millrace/engine';
import type { RehearsedStep, StepAnswer } from './rehearse.ts';

type JsonObject = { readonly [key: string]: JsonValue };

/** One answer. Texts in it that are `${ … }` are jq over the step's arguments. */
export interface MockAnswer {
  /** What the operation yields. */
  readonly output?: JsonValue;
  /** An HTTP answer: a status of 400 or more is a communication error, as it is from the real operation. */
  readonly respond?: { readonly status: number; readonly headers?: JsonObject; readonly body?: JsonValue };
  readonly error?: { readonly type: string; readonly status?: number; readonly title?: string; readonly detail?: string };
  /** How long the step takes: an ISO 8601 text such as `PT2S`, or `{ seconds: 2 }`. */
  readonly takes?: JsonValue;
  /** It never answers. */
  readonly never?: true;
}

/** Which steps a mock is for; all that is stated must hold. */
export interface MockTarget {
  /** The name of a task, or its reference, such as `charge` or `/do/1/charge`. */
  readonly task?: string;
  /** Such as `http.request`, `http.request:1.0.0@default`, or `run: workflow` as `workflow.run`. */
  readonly operation?: string;
  /** Of a call by HTTP; `*` is anything within a part of the path, `**` anything. */
  readonly url?: string;
  readonly method?: string;
  /** The name of a workflow that is run. */
  readonly workflow?: string;
}

export interface Mock extends MockTarget, MockAnswer {
  /** One after another; the last one for all further steps. */
  readonly answers?: readonly MockAnswer[];
}

/** Chooses answers; it remembers how often each mock has answered. */
export interface MockBook {
  /** Nothing when no mock is for the step. */
  answer(step: RehearsedStep): { readonly answer: StepAnswer; readonly mock: Mock } | undefined;
  /** Those that have answered nothing. */
  unused(): readonly Mock[];
}

export function createMockBook(mocks: readonly Mock[]): MockBook {
  const uses = new Map<Mock, number>();
  return {
    answer(step) {
      const mock = mocks.find((each) => isFor(each, step));
      if (mock === undefined) return undefined;
      const count = uses.get(mock) ?? 0;
      uses.set(mock, count + 1);
      const stated: MockAnswer = mock.answers?.[Math.min(count, mock.answers.length - 1)] ?? mock;
      return { answer: answerOf(stated, step), mock };
    },
    unused: () => mocks.filter((mock) => !uses.has(mock)),
  };
}

/** What steps answer without a mock: events are published, `millrace.echo` repeats its arguments. */
export function ownAnswer(step: RehearsedStep): StepAnswer | undefined {
  const given = step.arguments;
  if (step.operation.startsWith('millrace.echo:')) return { kind: 'output', value: given };
  if (!step.operation.startsWith('event.emit:')) return undefined;
  const event = (given as JsonObject)['event'] as JsonObject;
  const stated = Object.fromEntries(Object.entries(event).filter(([name, value]) => value !== null || name === 'data'));
  return { kind: 'output', value: { specversion: '1.0', id: `rehearsal/1/${step.activation}`, time: new Date(step.atMs).toISOString(), ...stated } };
}

function isFor(mock: MockTarget, step: RehearsedStep): boolean {
  const { task, operation, url, method, workflow } = mock;
  const given = step.arguments as JsonObject;
  if (task !== undefined && task !== step.node.name && task !== step.node.reference) return false;
  if (operation !== undefined && operation !== step.operation && operation !== step.operation.replace(/:.*$/, '')) return false;
  if (method !== undefined && method.toUpperCase() !== String(given['method'] ?? '').toUpperCase()) return false;
  if (url !== undefined && !addressPattern(url).test(addressOf(step))) return false;
  if (workflow !== undefined && workflow !== String(given['workflow'] ?? '') && workflow !== String(given['workflow'] ?? '').split('@')[0]) return false;
  return task !== undefined || operation !== undefined || url !== undefined || method !== undefined || workflow !== undefined;
}

/** Where a step goes, as its arguments say it: the address of an HTTP call, of a document, or of a server. */
export function addressOf(step: RehearsedStep): string {
  const given = step.arguments as JsonObject;
  const document = given['document'] ?? given['proto'] ?? given['endpoint'];
  for (const value of [given['uri'], given['url'], ...(isObject(document) ? [document['endpoint'], document['uri']] : [document])]) {
    if (typeof value === 'string') return value;
    if (isObject(value) && typeof value['uri'] === 'string') return value['uri'];
  }
  return '';
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const patterns = new Map<string, RegExp>();
/** Most patterns, and most expressions, that are kept. */
const PATTERNS_MAX = 1_000;

/** A question mark and what follows it may be left out of the pattern. */
function addressPattern(pattern: string): RegExp {
  const known = patterns.get(pattern);
  if (known !== undefined) return known;
  if (patterns.size >= PATTERNS_MAX) patterns.clear();
  const source = pattern.split(/(\*\*|\*)/).map((part) => (part === '**' ? '.*' : part === '*' ? '[^/?]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))).join('');
  const made = new RegExp(`^${source}${pattern.includes('?') ? '' : '(?:\\?.*)?'}$`);
  patterns.set(pattern, made);
  return made;
}

function answerOf(stated: MockAnswer, step: RehearsedStep): StepAnswer {
  if (stated.never === true) return { kind: 'never' };
  const tookMs = stated.takes === undefined ? undefined : statedDurationMs(stated.takes);
  const took = tookMs === undefined ? {} : { tookMs };
  if (stated.error !== undefined) return { kind: 'failure', problem: problemOf(stated.error), ...took };
  if (stated.respond !== undefined) return { ...respond(stated.respond, step), ...took };
  return { kind: 'output', value: filled(stated.output ?? null, step.arguments), ...took };
}

/** The DSL's own error types may be named by their last word. */
function problemOf(error: NonNullable<MockAnswer['error']>): Problem {
  const standard = Object.hasOwn(PROBLEM_TYPES, error.type) ? PROBLEM_TYPES[error.type as keyof typeof PROBLEM_TYPES] : undefined;
  return {
    type: standard?.type ?? error.type,
    status: error.status ?? standard?.status ?? 500,
    title: error.title ?? standard?.title ?? 'Error',
    ...(error.detail === undefined ? {} : { detail: error.detail }),
  };
}

function respond({ status, headers = {}, body = null }: NonNullable<MockAnswer['respond']>, step: RehearsedStep): Exclude<StepAnswer, { readonly kind: 'never' | 'workflow' }> {
  const given = step.arguments as JsonObject;
  const isFine = status < 300 || (status < 400 && given['redirect'] === true);
  if (!isFine) return { kind: 'failure', problem: { ...PROBLEM_TYPES.communication, status, detail: `${addressOf(step)} answered ${status}` } };
  const content = filled(body, step.arguments);
  if (given['output'] === 'raw') return { kind: 'output', value: content === null ? null : Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)).toString('base64') };
  if (given['output'] !== 'response') return { kind: 'output', value: content };
  return { kind: 'output', value: { request: { method: given['method'] ?? 'GET', uri: addressOf(step), headers: given['headers'] ?? {} }, statusCode: status, headers, content } };
}

/** The value with its expressions replaced. */
function filled(value: JsonValue, given: JsonValue): JsonValue {
  if (typeof value === 'string') {
    const source = expressionSource(value);
    return source === undefined ? value : evaluated(source, given);
  }
  if (Array.isArray(value)) return value.map((each: JsonValue) => filled(each, given));
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, filled(each, given)]));
  return value;
}

const sources = new Map<string, SourceResult>();

/** Tests ask for the same few expressions again and again. */
function compiledSource(source: string): SourceResult {
  const known = sources.get(source);
  if (known !== undefined) return known;
  if (sources.size >= PATTERNS_MAX) sources.clear();
  const made = compileSource(source, []);
  sources.set(source, made);
  return made;
}

/** A mock that cannot be evaluated is a mistake of the test: it ends the test, not the workflow. */
function evaluated(source: string, given: JsonValue): JsonValue {
  const compiled = compiledSource(source);
  if (compiled.kind === 'refused') throw new MockError(`the mock's expression \`${source}\` cannot be read: ${compiled.refusal.message}`);
  const result = compiled.expression.evaluate(given, [], { fuel: EXPRESSION_FUEL_MAX, allocation: EXPRESSION_ALLOCATION_MAX, depth: EXPRESSION_DEPTH_MAX, nowSeconds: 0 });
  if (result.kind === 'error') throw new MockError(`the mock's expression \`${source}\` failed: ${result.message}`);
  return result.kind === 'empty' ? null : result.value;
}

/** A test that cannot go on because of its own mocks. */
export class MockError extends Error {
  override readonly name = 'MockError';
}
