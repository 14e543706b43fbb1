/**
 * Values with expressions inside, as a document writes them.
 */
import type { JsonValue, Template } from '@millrace/engine';
import { childPointer } from '../json-pointer.ts';
import { isList, isObject, property } from '../json-value.ts';
import type { Compilation } from './compilation.ts';
import { compileCondition, compileExpression, compileSource, expressionSource } from './expression.ts';
import type { Visible } from './visible.ts';

/** A value in which any text may be an expression `${ … }`. Parts without expressions stay as they are. */
export function compileTemplate(compilation: Compilation, value: JsonValue, pointer: string, visible: Visible): Template {
  if (typeof value === 'string') return compileText(compilation, value, pointer, visible);
  if (isList(value)) {
    const items = value.map((item, index) => compileTemplate(compilation, item, childPointer(pointer, index), visible));
    return items.every((item) => item.kind === 'literal') ? { kind: 'literal', value } : { kind: 'array', items };
  }
  if (isObject(value)) {
    const entries = Object.entries(value).map(([name, inner]) => [name, compileTemplate(compilation, inner, childPointer(pointer, name), visible)] as const);
    return objectTemplate(entries, value);
  }
  return { kind: 'literal', value };
}

/** An object of templates; a literal when all of them are. */
export function objectTemplate(entries: readonly (readonly [name: string, value: Template])[], literal?: JsonValue): Template {
  if (!entries.every(([, value]) => value.kind === 'literal')) return { kind: 'object', entries };
  return { kind: 'literal', value: literal ?? Object.fromEntries(entries.map(([name, value]) => [name, value.kind === 'literal' ? value.value : null])) };
}

/** `input.from`, `output.as`, `export.as` and the text form of `set`: a text is an expression, with or without braces. */
export function compileTransformation(compilation: Compilation, value: JsonValue, pointer: string, visible: Visible): Template {
  if (typeof value === 'string') return { kind: 'expression', expression: compileCondition(compilation, value, pointer, visible) };
  return compileTemplate(compilation, value, pointer, visible);
}

function compileText(compilation: Compilation, text: string, pointer: string, visible: Visible): Template {
  const source = expressionSource(text);
  if (source !== undefined) return { kind: 'expression', expression: compileExpression(compilation, source, pointer, visible) };
  if (isLoose(compilation)) return compileLoosely(text, visible);
  if (text.includes('${')) {
    compilation.warn({ pointer }, 'this stays a text: an expression is `${ … }` from end to end', 'write the text inside the expression, as in `${ "Hello \\(.name)" }`');
  } else if (looksLikeExpression(text, visible)) {
    compilation.warn({ pointer }, `this stays the text \`${text}\``, `for its value write \`\${ ${text} }\``);
  }
  return { kind: 'literal', value: text };
}

/** Whether the document asks for the mode in which any text may be an expression (DSL reference, Evaluate). */
function isLoose({ document }: Compilation): boolean {
  return property(document.value['evaluate'], 'mode') === 'loose';
}

/** What the text evaluates to, or the text where it is no expression or fails as one. */
function compileLoosely(text: string, visible: Visible): Template {
  const compiled = compileSource(text, visible);
  if (compiled.kind === 'refused') return { kind: 'literal', value: text };
  const { source, variables, evaluate } = compiled.expression;
  return {
    kind: 'expression',
    expression: {
      source,
      variables,
      evaluate: (input, values, budget) => {
        const result = evaluate(input, values, budget);
        return result.kind === 'error' ? { kind: 'value', value: text } : result;
      },
    },
  };
}

/** A path or a variable, which few people want as a text. */
function looksLikeExpression(text: string, visible: Visible): boolean {
  const variable = /^\$([A-Za-z_]\w*)/.exec(text)?.[1];
  return variable === undefined ? /^\.[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/.test(text) : visible.includes(variable);
}
