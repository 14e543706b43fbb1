/**
 * Documents of `kind: test`: their typed form, and the check of one.
 *
 * Owns what a test may say. Does not own files: who reads them hands over texts.
 */
import { findingsOf, problemAt, type Problem, type ResourceDocument } from '@millrace/dsl';
import { statedDurationMs, type JsonValue } from '@millrace/engine';
import type { Mock, MockTarget } from './mock.ts';
import { TEST_SCHEMA } from './test-schema.ts';

export interface ExpectedError {
  readonly type?: string;
  readonly status?: number;
  readonly title?: string;
  readonly detail?: string;
  readonly instance?: string;
}

/** Steps that must have gone out. */
export interface ExpectedCall extends MockTarget {
  readonly times?: number;
  readonly with?: JsonValue;
}

/** What must be true at the end of a case; what each means stands in the schema. */
export interface Expectation {
  readonly status?: 'completed' | 'faulted' | 'cancelled' | 'waiting';
  readonly output?: JsonValue;
  readonly outputContains?: JsonValue;
  readonly error?: ExpectedError;
  readonly path?: readonly string[];
  readonly ran?: readonly string[];
  readonly notRan?: readonly string[];
  readonly calls?: readonly ExpectedCall[];
  readonly emitted?: readonly JsonValue[];
  readonly took?: JsonValue;
}

export interface GivenEvent {
  readonly after?: JsonValue;
  readonly event: { readonly [attribute: string]: JsonValue };
}

/** What a person says when a task asks. */
export interface GivenApproval {
  readonly task: string;
  readonly decision: 'approved' | 'rejected';
  readonly by?: string;
  readonly comment?: string;
  readonly after?: JsonValue;
}

export interface TestCase {
  readonly name: string;
  readonly input?: JsonValue;
  readonly startAt?: string;
  readonly mocks?: readonly Mock[];
  readonly events?: readonly GivenEvent[];
  readonly approvals?: readonly GivenApproval[];
  readonly expect?: Expectation;
}

export interface TestSpec {
  readonly workflow: string;
  readonly workflows?: readonly string[];
  readonly mocks?: readonly Mock[];
  readonly coverage?: { readonly tasks?: number };
  readonly cases: readonly TestCase[];
}

/** The tests of one document. */
export interface TestDocument {
  readonly file: string;
  readonly name: string;
  readonly spec: TestSpec;
  /** Where each case stands in the file, from line 1. */
  readonly lines: readonly number[];
}

/** Whether a document is for `millrace test`. */
export function isTestDocument(document: ResourceDocument): boolean {
  return document.value['kind'] === 'test';
}

export type TestDocumentResult = { readonly kind: 'checked'; readonly test: TestDocument } | { readonly kind: 'refused'; readonly problems: readonly Problem[] };

/** Checks a document of `kind: test`. */
export function checkTestDocument(document: ResourceDocument): TestDocumentResult {
  const vocabulary = { expectation: (name: string) => (name === 'ResourceName' ? 'made of small letters, digits and dashes, at most 63' : undefined) };
  const problems: Problem[] = findingsOf(TEST_SCHEMA, document.value, vocabulary).map((found) => problemAt(document, found, 'resource-invalid', found.message, found.suggestion));
  if (problems.length === 0) problems.push(...meaning(document));
  if (problems.length > 0) return { kind: 'refused', problems };
  const spec = document.value['spec'] as unknown as TestSpec;
  const lines = spec.cases.map((_case, index) => document.locate(`/spec/cases/${index}`, 'value').line);
  return { kind: 'checked', test: { file: document.fileName, name: String(document.value['name']), spec, lines } };
}

/** What the schema cannot say: durations that are none, mocks for nothing, names used twice. */
function meaning(document: ResourceDocument): Problem[] {
  const spec = document.value['spec'] as unknown as TestSpec;
  const problems: Problem[] = [];
  const report = (pointer: string, message: string, suggestion?: string): void => void problems.push(problemAt(document, { pointer }, 'resource-invalid', message, suggestion));
  const duration = (value: JsonValue | undefined, pointer: string): void => {
    if (value !== undefined && statedDurationMs(value) === undefined) report(pointer, `${JSON.stringify(value)} is no duration`, 'write an ISO 8601 text such as `PT2S`, or an object such as `{ seconds: 2 }`');
  };
  const mocks = (list: readonly Mock[] | undefined, pointer: string): void =>
    list?.forEach((mock, index) => {
      const at = `${pointer}/${index}`;
      if (TARGETS.every((name) => mock[name] === undefined)) report(at, 'the mock is for no step', 'say which with `task`, `operation`, `url`, `method` or `workflow`');
      duration(mock.takes, `${at}/takes`);
      const answers = ['output', 'respond', 'error', 'never', 'answers'].filter((name) => Object.hasOwn(mock, name));
      if (answers.length > 1) report(at, `a mock has one of \`output\`, \`respond\`, \`error\`, \`never\` and \`answers\`, and this has ${answers.map((name) => `\`${name}\``).join(' and ')}`, 'keep one; several answers one after another stand in `answers`');
      mock.answers?.forEach((answer, number) => duration(answer.takes, `${at}/answers/${number}/takes`));
    });
  mocks(spec.mocks, '/spec/mocks');
  const names = new Set<string>();
  spec.cases.forEach((each, index) => {
    const at = `/spec/cases/${index}`;
    if (names.has(each.name)) report(`${at}/name`, `there is another case \`${each.name}\``, 'give one of them another name');
    names.add(each.name);
    mocks(each.mocks, `${at}/mocks`);
    each.events?.forEach((event, number) => duration(event.after, `${at}/events/${number}/after`));
    each.approvals?.forEach((approval, number) => duration(approval.after, `${at}/approvals/${number}/after`));
    duration(each.expect?.took, `${at}/expect/took`);
    if (each.startAt !== undefined && Number.isNaN(Date.parse(each.startAt))) report(`${at}/startAt`, `${each.startAt} is no moment`, 'write it as in `2026-01-01T00:00:00Z`');
  });
  return problems;
}

const TARGETS = ['task', 'operation', 'url', 'method', 'workflow'] as const satisfies readonly (keyof MockTarget)[];
