// The regular expression that a call's arguments give. One known when compiling is compiled then, and refused there if it
// is wrong; others are compiled when met and kept in a small cache, at the same price in fuel each time.

import { burn } from '../budget.ts';
import type { Meter } from '../budget.ts';
import type { Code, Env } from '../code.ts';
import { typeFailure } from '../failure.ts';
import { isArray } from '../json-value.ts';
import type { JsonValue } from '../json-value.ts';
import { createRegex } from '../regex/regex.ts';
import type { Regex } from '../regex/regex.ts';
import { constantOf } from '../scope.ts';
import type { CallSite } from '../scope.ts';
import { preview } from '../serialize.ts';
import { refuse } from '../source-position.ts';

/** Expressions kept by one call whose expression is computed. */
const CACHE_ENTRIES_MAX = 32;
const COMPILE_STEPS = 100;

/** Gives the expression for values of pattern and flags. */
type RegexOf = (m: Meter, pattern: JsonValue, flags: JsonValue) => Regex;

function regexSource(extraFlags: string): RegexOf {
  const cache = new Map<string, Regex>();
  return (m, pattern, flags) => {
    const [text, letters] = patternAndFlags(pattern, flags);
    const key = `${letters}/${text}`;
    let regex = cache.get(key);
    if (regex === undefined) {
      const result = createRegex(text, letters + extraFlags);
      if (result.kind === 'invalid') throw typeFailure(result.message);
      regex = result.regex;
      if (cache.size >= CACHE_ENTRIES_MAX) cache.clear();
      cache.set(key, regex);
    }
    burn(m, COMPILE_STEPS + regex.program.instructions.length);
    return regex;
  };
}

/** jq also takes both together as ["pattern", "flags"]. */
function patternAndFlags(pattern: JsonValue, flags: JsonValue): readonly [string, string] {
  if (isArray(pattern) && flags === null) return patternAndFlags(pattern[0] ?? null, pattern[1] ?? null);
  if (typeof pattern !== 'string') throw typeFailure((m) => `${preview(m, pattern)} cannot be matched, as it is not a string`);
  if (flags === null) return [pattern, ''];
  if (typeof flags !== 'string') throw typeFailure((m) => `${preview(m, flags)} is not a string`);
  return [pattern, flags];
}

/** A regular expression as the arguments give it: known beforehand, or for each combination of their outputs. */
export type WithRegex = (m: Meter, env: Env, input: JsonValue, use: (regex: Regex) => boolean) => boolean;

export interface RegexArguments {
  readonly each: WithRegex;
  /** Set when pattern and flags have exactly one value. */
  readonly only: ((m: Meter, env: Env, input: JsonValue) => Regex) | null;
}

/** What the builtin's pattern and flags say, with flags that it adds itself. */
export function regexArguments(site: CallSite, pattern: Code, flags: Code | null, extraFlags: string): RegexArguments {
  const constant = constantRegex(site, constantOf(pattern), flags === null ? null : constantOf(flags), extraFlags);
  if (constant !== null) {
    return { only: () => constant, each: (_m, _env, _input, use) => use(constant) };
  }
  const source = regexSource(extraFlags);
  const each: WithRegex = (m, env, input, use) =>
    pattern.each(m, env, input, (text) => (flags === null ? use(source(m, text, null)) : flags.each(m, env, input, (letters) => use(source(m, text, letters)))));
  if (pattern.multiplicity !== 'one' || (flags !== null && flags.multiplicity !== 'one')) return { each, only: null };
  const runFlags = flags?.run ?? (() => null);
  return { each, only: (m, env, input) => source(m, pattern.run(m, env, input), runFlags(m, env, input)) };
}

function constantRegex(site: CallSite, pattern: JsonValue | undefined, flags: JsonValue | undefined, extraFlags: string): Regex | null {
  if (typeof pattern !== 'string' || flags === undefined || (flags !== null && typeof flags !== 'string')) return null;
  const result = createRegex(pattern, (flags ?? '') + extraFlags);
  if (result.kind === 'invalid') return refuse(result.message, site.argSpans[0] ?? site.span);
  return result.regex;
}
