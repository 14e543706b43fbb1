/**
 * URI templates (DSL reference, URI Template): RFC 6570, simple expansion of one name at a time.
 */
import type { Template } from '@millrace/engine';
import type { Compilation } from './compilation.ts';
import { compileExpression, expressionSource } from './expression.ts';
import type { Visible } from './visible.ts';

type UriPart = { readonly text: string } | { readonly name: string };

/** A URI as a document writes it: an expression, a template with names in braces, or a plain text. */
export function compileUri(compilation: Compilation, text: string, pointer: string, visible: Visible): Template {
  const source = expressionSource(text);
  if (source !== undefined) return { kind: 'expression', expression: compileExpression(compilation, source, pointer, visible) };
  const parts: UriPart[] = [];
  let from = 0;
  for (const match of text.matchAll(/\{([^{}]*)\}/g)) {
    const name = match[1] ?? '';
    checkName(compilation, name, pointer);
    if (match.index > from) parts.push({ text: text.slice(from, match.index) });
    parts.push({ name });
    from = match.index + match[0].length;
  }
  if (from < text.length) parts.push({ text: text.slice(from) });
  return parts.some((part) => 'name' in part) ? { kind: 'uri', parts } : { kind: 'literal', value: text };
}

/** The schema has made sure of RFC 6570's own syntax: braces match and are not empty. */
function checkName(compilation: Compilation, name: string, pointer: string): void {
  if (!/^[+#./;?&=,!@|]|[,*:]/.test(name)) return;
  compilation.invalid({ pointer }, `\`{${name}}\` is more than a name, and URIs expand single names only`, 'build the URI in an expression instead, as in `${ "https://example.com/\\(.path)" }`');
}
