/**
 * Rendering of messages: `{{ path }}` stands for a value of the data, in subject, text and HTML.
 *
 * Owns: the placeholder's grammar, escaping, and the bounds that keep a template from costing more than its size.
 * Does not own: loops and conditions; a workflow's jq makes such text, and a template places it.
 *
 * A path is names or indexes joined by dots (`order.lines.0.title`), own properties only. A value that is missing or
 * null gives nothing; objects and arrays give their JSON. Cost is linear in template and output.
 */

/** A message as it is asked for. */
export interface MessageTemplate {
  readonly subject: string;
  readonly text?: string;
  readonly html?: string;
}

/** A message as it goes out. At least one of `text` and `html` is there. */
export interface RenderedMessage {
  readonly subject: string;
  readonly text?: string;
  readonly html?: string;
}

export type Rendering = { readonly kind: 'rendered'; readonly message: RenderedMessage } | { readonly kind: 'failed'; readonly detail: string };

/** Longest template of one part, in characters. */
export const TEMPLATE_CHARS_MAX = 256 * 1024;
/** Longest rendered part, in characters. */
export const RENDERED_CHARS_MAX = 1024 * 1024;
/** Longest subject, in characters; a longer one is cut. */
export const SUBJECT_CHARS_MAX = 500;

/** Templates that every installation has. `plain` takes subject and text from the data as they are. */
export const BUILT_IN_TEMPLATES: ReadonlyMap<string, MessageTemplate> = new Map([
  ['plain', { subject: '{{ subject }}', text: '{{ text }}' }],
]);

const PATH = /^[\p{L}\p{N}_$-]+(\.[\p{L}\p{N}_$-]+)*$/u;
const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Renders all parts; fails with a sentence that names the part and the place. */
export function renderMessage(template: MessageTemplate, data: unknown): Rendering {
  try {
    const subject = oneLine(substitute('subject', template.subject, data, String));
    const text = template.text === undefined ? undefined : substitute('text', template.text, data, String);
    const html = template.html === undefined ? undefined : substitute('html', template.html, data, escapeHtml);
    if (text === undefined && html === undefined) return { kind: 'failed', detail: 'the template has neither text nor html' };
    return {
      kind: 'rendered',
      message: { subject, ...(text === undefined ? {} : { text }), ...(html === undefined ? {} : { html }) },
    };
  } catch (error) {
    if (error instanceof TemplateProblem) return { kind: 'failed', detail: error.message };
    throw error;
  }
}

class TemplateProblem extends Error {}

function substitute(part: string, template: string, data: unknown, escape: (text: string) => string): string {
  if (template.length > TEMPLATE_CHARS_MAX) throw new TemplateProblem(`the template's ${part} is longer than ${TEMPLATE_CHARS_MAX} characters`);
  let output = '';
  let position = 0;
  for (;;) {
    const open = template.indexOf('{{', position);
    output += template.slice(position, open === -1 ? undefined : open);
    if (open === -1) break;
    const close = template.indexOf('}}', open + 2);
    if (close === -1) throw new TemplateProblem(`the template's ${part} opens {{ at ${place(template, open)} and never closes it`);
    const path = template.slice(open + 2, close).trim();
    if (!PATH.test(path)) {
      throw new TemplateProblem(`the template's ${part} has {{${path.slice(0, 60)}}} at ${place(template, open)}; only a path such as {{ order.title }} can stand there`);
    }
    output += escape(written(lookUp(data, path)));
    if (output.length > RENDERED_CHARS_MAX) throw new TemplateProblem(`the rendered ${part} is longer than ${RENDERED_CHARS_MAX} characters`);
    position = close + 2;
  }
  return output;
}

function lookUp(data: unknown, path: string): unknown {
  let value = data;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function written(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] as string);
}

/** A subject is one line: what would end the header becomes a space. */
function oneLine(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > SUBJECT_CHARS_MAX ? `${line.slice(0, SUBJECT_CHARS_MAX - 1)}…` : line;
}

function place(template: string, offset: number): string {
  const before = template.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1) as string).length + 1}`;
}
