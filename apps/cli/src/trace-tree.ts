/**
 * A trace as a tree for a terminal: service and name, offset, duration, a bar on a common time axis, attributes.
 *
 * Spans whose parent is not in the trace stand at the top: the caller's span is named by them and not listed.
 */
import type { SpanDocument, TraceDocument } from '@millrace/documents';
import { formatDuration } from './duration.ts';

const BAR_WIDTH = 24;
/** Characters of the attributes at the end of a line, at least. */
const ATTRIBUTES_LEAST = 20;
/** Said by the line itself, or the same in every line. */
const LEFT_OUT: ReadonlySet<string> = new Set(['millrace.task', 'millrace.activation', 'millrace.execution', 'millrace.organisation', 'millrace.operation']);

interface Row {
  readonly label: string;
  readonly span: SpanDocument;
}

export function traceTree({ traceId, spans }: TraceDocument, columns = 120): string {
  if (spans.length === 0) return `trace ${traceId}: no spans\n`;
  const starts = spans.map((span) => Date.parse(span.startedAt ?? '')).filter(Number.isFinite);
  const ends = spans.map((span) => Date.parse(span.endedAt ?? span.startedAt ?? '')).filter(Number.isFinite);
  const axis = { from: Math.min(...starts), to: Math.max(...ends) };
  const rows = rowsOf(spans);
  const width = Math.max(...rows.map((row) => row.label.length));
  const lines = rows.map(({ label, span }) => {
    const from = Date.parse(span.startedAt ?? '');
    const offset = `+${formatDuration(from - axis.from)}`.padStart(9);
    const took = (span.endedAt === null ? 'open' : formatDuration(Date.parse(span.endedAt) - from)).padStart(9);
    const head = `${label.padEnd(width)} ${offset} ${took}  ${bar(span, axis)}`;
    const attributes = attributesText(span.attributes, Math.max(ATTRIBUTES_LEAST, columns - head.length - 2));
    return attributes === '' ? head : `${head}  ${attributes}`;
  });
  return `trace ${traceId}: ${spans.length} spans in ${formatDuration(axis.to - axis.from)}\n${lines.join('\n')}\n`;
}

function rowsOf(spans: readonly SpanDocument[]): readonly Row[] {
  const known = new Set(spans.map((span) => span.spanId));
  const children = new Map<string, SpanDocument[]>();
  const roots: SpanDocument[] = [];
  for (const span of spans) {
    if (span.parentSpanId === null || !known.has(span.parentSpanId)) roots.push(span);
    else children.set(span.parentSpanId, [...(children.get(span.parentSpanId) ?? []), span]);
  }
  const rows: Row[] = [];
  const walk = (span: SpanDocument, before: string, branch: string, below: string): void => {
    rows.push({ label: `${before}${branch}${span.service} ${span.name}`, span });
    const own = children.get(span.spanId) ?? [];
    own.forEach((child, index) => {
      const last = index === own.length - 1;
      walk(child, before + below, last ? '└─ ' : '├─ ', last ? '   ' : '│  ');
    });
  };
  for (const root of roots) walk(root, '', '', '');
  return rows;
}

function bar({ startedAt, endedAt }: SpanDocument, { from, to }: { readonly from: number; readonly to: number }): string {
  const scale = BAR_WIDTH / Math.max(1, to - from);
  const begin = Math.min(BAR_WIDTH - 1, Math.floor((Date.parse(startedAt ?? '') - from) * scale));
  const end = endedAt === null ? BAR_WIDTH : Math.max(begin + 1, Math.min(BAR_WIDTH, Math.ceil((Date.parse(endedAt) - from) * scale)));
  return `${'·'.repeat(begin)}${(endedAt === null ? '▒' : '█').repeat(end - begin)}${'·'.repeat(BAR_WIDTH - end)}`;
}

function attributesText(attributes: Readonly<Record<string, string>>, width: number): string {
  const text = Object.entries(attributes)
    .filter(([name]) => !LEFT_OUT.has(name))
    .map(([name, value]) => `${name.replace(/^millrace\./, '')}=${value}`)
    .join(' ');
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
