// Compiled programs and their evaluation: the edge where failures become values.
//
// Invariants:
// 1. Evaluation never throws for what a program or its input does.
// 2. Same program, input, variables and budget: same outcome.
// 3. Inputs and variables are never changed; outputs may share structure with them.

import { BUDGET_DEFAULT, burn, startMeter } from './budget.ts';
import type { Budget, Meter } from './budget.ts';
import { EMPTY_ENV } from './code.ts';
import type { Code, RunMaybe } from './code.ts';
import { compileTree } from './compiler.ts';
import { ALLOCATION_EXCEEDED, DEPTH_EXCEEDED, JqFailure } from './failure.ts';
import type { FailureReason } from './failure.ts';
import type { JsonArray, JsonValue } from './json-value.ts';
import { checkDepth, jsonNumbers } from './output.ts';
import { parse } from './parser.ts';
import { previewText } from './serialize.ts';
import { isSmall } from './smallness.ts';
import { RefusalSignal, toRefusal } from './source-position.ts';
import type { Refusal } from './source-position.ts';

/** UTF-16 code units of one program. */
export const SOURCE_LENGTH_MAX = 64 * 1024;

export interface CompileOptions {
  /** Names, without "$", of the variables that every evaluation gives values for, in that order. */
  readonly variables?: readonly string[];
}

export type CompileResult = { readonly kind: 'compiled'; readonly program: JqProgram } | Refusal;

export interface JqError {
  readonly kind: 'error';
  /** For people. */
  readonly message: string;
  /** What `error` was called with, or the message of a type error. */
  readonly value?: JsonValue;
  readonly reason: FailureReason;
}

export type Outcome = { readonly kind: 'value'; readonly value: JsonValue } | { readonly kind: 'empty' } | JqError;

export type AllOutcome = { readonly kind: 'values'; readonly values: JsonArray } | JqError;

export interface JqProgram {
  readonly source: string;
  /** 'one': every evaluation that succeeds yields exactly one value. 'many': any number, none included. */
  readonly multiplicity: 'one' | 'many';
  /** The cost is provably linear in the size of input and variables; see smallness.ts for what that covers. */
  readonly small: boolean;
  /** The first output. Whatever would come after it is not evaluated. */
  readonly first: (input: JsonValue, variables: readonly JsonValue[], budget: Budget) => Outcome;
  /** All outputs, or the error that ended them. */
  readonly all: (input: JsonValue, variables: readonly JsonValue[], budget: Budget) => AllOutcome;
}

/** Compiles a program, or says what is wrong with it and where. Never throws. */
export function compileJq(source: string, options: CompileOptions = {}): CompileResult {
  try {
    if (source.length > SOURCE_LENGTH_MAX) throw new RefusalSignal(`the expression is longer than ${SOURCE_LENGTH_MAX} characters`, { offset: SOURCE_LENGTH_MAX, length: 0 });
    const variables = options.variables ?? [];
    const tree = parse(source);
    const { code, mayDeepen } = compileTree(source, tree, variables);
    return { kind: 'compiled', program: createProgram(source, code, mayDeepen, isSmall(tree, variables)) };
  } catch (signal) {
    if (signal instanceof RefusalSignal) return toRefusal(source, signal);
    if (signal instanceof RangeError) return toRefusal(source, new RefusalSignal('the expression is nested too deeply', { offset: 0, length: 0 }));
    throw signal;
  }
}

function createProgram(source: string, code: Code, mayDeepen: boolean, small: boolean): JqProgram {
  const run: RunMaybe = code.multiplicity === 'many' ? firstOf(code) : code.run;
  const finish = (m: Meter, value: JsonValue): JsonValue => {
    if (mayDeepen) checkDepth(m, value);
    return m.nonFinite ? jsonNumbers(m, value) : value;
  };
  return {
    source,
    multiplicity: code.multiplicity === 'one' ? 'one' : 'many',
    small,
    first: (input, variables, budget) => {
      const m = startMeter(budget, variables);
      try {
        const value = run(m, EMPTY_ENV, input);
        return value === undefined ? EMPTY : { kind: 'value', value: finish(m, value) };
      } catch (failure) {
        return toError(failure);
      } finally {
        if (budget.tally !== undefined) budget.tally.fuel += budget.fuel - Math.max(m.fuel, 0);
      }
    },
    all: (input, variables, budget) => {
      const m = startMeter(budget, variables);
      try {
        const values: JsonValue[] = [];
        code.each(m, EMPTY_ENV, input, (value) => {
          burn(m, 1);
          values.push(finish(m, value));
          return true;
        });
        return { kind: 'values', values };
      } catch (failure) {
        return toError(failure);
      }
    },
  };
}

const EMPTY: Outcome = { kind: 'empty' };

function firstOf(code: Code): RunMaybe {
  return (m, env, input) => {
    let found: JsonValue | undefined;
    code.each(m, env, input, (value) => {
      found = value;
      return false;
    });
    return found;
  };
}

const MESSAGE_LENGTH_MAX = 1_000;

/** A RangeError is a string or stack beyond what the engine holds, where a budget allowed it. Anything else is a defect. */
function toError(failure: unknown): JqError {
  const known = failure instanceof RangeError ? (/length/.test(failure.message) ? ALLOCATION_EXCEEDED : DEPTH_EXCEEDED) : failure;
  if (!(known instanceof JqFailure)) throw known;
  const { reason } = known;
  // The evaluation's own meter may be empty; the message is about a value that it could afford.
  const m = startMeter({ ...BUDGET_DEFAULT, fuel: Infinity }, []);
  const value = known.value(m);
  if (typeof value === 'string') return { kind: 'error', message: value.length > MESSAGE_LENGTH_MAX ? `${value.slice(0, MESSAGE_LENGTH_MAX)}...` : value, value, reason };
  const text = previewText(m, value, MESSAGE_LENGTH_MAX);
  return { kind: 'error', message: value === null ? 'null (null) not a string' : `(not a string): ${text}`, value, reason };
}
