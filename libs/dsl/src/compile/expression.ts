/**
 * Runtime expressions: how they are told from texts, and their compiled form.
 *
 * X1 In a value, only a text that is `${ … }` from end to end is an expression (strict mode). Where the
 *    DSL asks for an expression and nothing else, the braces may be left out, as its own examples do.
 * X2 A compiled expression lists only the variables its source mentions, so that nothing is prepared for
 *    an expression that does not look at it.
 * X3 Expressions with the same source and variables are one: definitions have many in common, versions of one most
 *    of all, and what a source compiles to depends on nothing else.
 */
import { compileJq } from '@millrace/jq';
import type { Expression } from '@millrace/engine';
import { closestName } from '../closest-name.ts';
import { ARGUMENT_NAMES } from '../workflow-rules.ts';
import type { Compilation } from './compilation.ts';
import { checkSecretPaths, secretPaths, withMembers } from './secrets.ts';
import type { Visible } from './visible.ts';

const WHOLE = /^\s*\$\{([\s\S]*)\}\s*$/;

/** The source between the braces of a text that is an expression, or nothing. */
export function expressionSource(text: string): string | undefined {
  return WHOLE.exec(text)?.[1]?.trim();
}

/** Compiles a text that is an expression with or without its braces (X1). */
export function compileCondition(compilation: Compilation, text: string, pointer: string, visible: Visible): Expression {
  return compileExpression(compilation, expressionSource(text) ?? text.trim(), pointer, visible);
}

/** Compiles an expression's source. What is wrong with it is reported; the result then never runs. */
export function compileExpression(compilation: Compilation, source: string, pointer: string, visible: Visible): Expression {
  const result = compileSource(source, visible);
  if (result.kind === 'compiled') {
    if (result.expression.variables.includes('secrets')) checkSecretPaths(compilation, source, pointer);
    return result.expression;
  }
  const { refusal } = result;
  const blocked = blockedVariable(source, visible);
  if (blocked !== undefined) {
    compilation.invalid({ pointer }, `\`$${blocked}\` cannot be used here`, visible.length === 0 ? 'no variables are available here' : `available here: ${visible.map((name) => `\`$${name}\``).join(', ')}`);
  } else {
    const line = source.split('\n')[refusal.line - 1] ?? source;
    compilation.invalidText(pointer, { line, column: refusal.column - 1 }, `the expression cannot be read: ${refusal.message}`, hintFor(source, refusal, visible));
  }
  return REFUSED;
}

/** How compiling a source on its own ended. */
export type SourceResult =
  | { readonly kind: 'compiled'; readonly expression: Expression }
  | { readonly kind: 'refused'; readonly refusal: { readonly message: string; readonly offset: number; readonly line: number; readonly column: number; readonly length: number } };

/** Compiles jq that may use `visible` variables. */
export function compileSource(source: string, visible: Visible): SourceResult {
  const mentioned = mentionedVariables(source);
  const variables = visible.filter((name) => mentioned.has(name));
  const key = `${variables.join()}\n${source}`;
  const known = COMPILED.get(key);
  if (known !== undefined) return known;
  const result = compileAfresh(source, variables);
  if (source.length <= SHARED_SOURCE_CHARACTERS_MAX) {
    if (COMPILED.size >= COMPILED_MAX) COMPILED.clear();
    COMPILED.set(key, result);
  }
  return result;
}

/** Compiled sources by variables and text (X3). */
const COMPILED = new Map<string, SourceResult>();
/** Sources shared at most, a count, and how long one may be, in characters; beyond the count sharing begins anew. */
const COMPILED_MAX = 10_000;
const SHARED_SOURCE_CHARACTERS_MAX = 1_024;

function compileAfresh(source: string, variables: readonly string[]): SourceResult {
  const compiled = compileJq(source, { variables });
  if (compiled.kind === 'refused') return { kind: 'refused', refusal: compiled };
  const { program } = compiled;
  const at = variables.indexOf('secrets');
  if (at >= 0) {
    const paths = secretPaths(source);
    return { kind: 'compiled', expression: { source, variables, evaluate: (input, values, budget) => program.first(input, values.map((value, index) => (index === at ? withMembers(value, paths) : value)), budget) } };
  }
  return { kind: 'compiled', expression: { source, variables, evaluate: (input, values, budget) => program.first(input, values, budget) } };
}

/** Every `$name` in a source; more than are used where a text contains one, never fewer. */
function mentionedVariables(source: string): ReadonlySet<string> {
  return new Set(Array.from(source.matchAll(/\$([A-Za-z_][A-Za-z0-9_]*)/g), (match) => match[1] ?? ''));
}

/** The first variable of the DSL that the source mentions and that is not available where it stands. */
function blockedVariable(source: string, visible: Visible): string | undefined {
  const mentioned = mentionedVariables(source);
  return ARGUMENT_NAMES.find((name) => mentioned.has(name) && !visible.includes(name));
}

function hintFor(source: string, refusal: { readonly offset: number; readonly length: number }, visible: Visible): string | undefined {
  if (/\$\{/.test(source)) return 'an expression is the whole text: join parts inside it, as in `${ "\\(.a) and \\(.b)" }`';
  const name = /^\$?([A-Za-z_][A-Za-z0-9_]*)/.exec(source.slice(refusal.offset))?.[1];
  if (name === undefined || !source.includes(`$${name}`)) return undefined;
  const meant = closestName(name, visible);
  return meant === undefined ? undefined : `did you mean \`$${meant}\`?`;
}

/** Stands where an expression was refused; a program with one in it is never handed out (K1). */
const REFUSED: Expression = { source: '', variables: [], evaluate: () => ({ kind: 'error', message: 'the expression was refused' }) };
