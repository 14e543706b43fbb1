/** A graph as Mermaid's flowchart. */
import type { Edge, Graph, Vertex } from './graph.ts';
import { colourOf, type STATUSES, type TaskStatuses } from './status.ts';

/** The text of a `flowchart`. With `statuses`, tasks have the colour of what became of them. */
export function mermaidOf(graph: Graph, { title, statuses }: { readonly title?: string; readonly statuses?: TaskStatuses } = {}): string {
  const classes = new Map<string, string[]>();
  const note = (name: string, id: string): void => void classes.set(name, [...(classes.get(name) ?? []), id]);
  const body = linesOf(graph, '  ', statuses, note);
  const head = title === undefined ? [] : ['---', `title: ${JSON.stringify(title)}`, '---'];
  const styles = [...classes].flatMap(([name, ids]) => [`  classDef ${name} ${styleOf(name)}`, `  class ${ids.join(',')} ${name}`]);
  return `${[...head, 'flowchart TD', ...body, ...styles].join('\n')}\n`;
}

function styleOf(name: string): string {
  if (name === 'point') return 'fill:#475569,stroke:#475569,color:#fff';
  const { fill, stroke } = colourOf(name as (typeof STATUSES)[number]);
  return `fill:${fill},stroke:${stroke},color:#0f172a`;
}

function linesOf(graph: Graph, indent: string, statuses: TaskStatuses | undefined, note: (name: string, id: string) => void): readonly string[] {
  return [...graph.vertices.flatMap((vertex) => vertexLines(vertex, indent, statuses, note)), ...graph.edges.map((edge) => `${indent}${edgeText(edge)}`)];
}

function vertexLines(vertex: Vertex, indent: string, statuses: TaskStatuses | undefined, note: (name: string, id: string) => void): readonly string[] {
  const { id, kind, title, inside, reference } = vertex;
  const status = reference === undefined ? undefined : statuses?.get(reference);
  if (status !== undefined) note(status, id);
  if (kind === 'block' && inside !== undefined) return [`${indent}subgraph ${id}["${labelOf(vertex)}"]`, ...linesOf(inside, `${indent}  `, statuses, note), `${indent}end`];
  if (kind !== 'task') {
    if (title === '') note('point', id);
    return [title === '' ? `${indent}${id}(( ))` : `${indent}${id}(["${escaped(title)}"])`];
  }
  const label = labelOf(vertex);
  return [`${indent}${id}${vertex.task === 'switch' ? `{{"${label}"}}` : vertex.task === 'raise' ? `>"${label}"]` : `["${label}"]`}`];
}

function labelOf({ title, lines }: Vertex): string {
  return [title, ...lines].map(escaped).join('<br/>');
}

function edgeText({ from, to, label, style }: Edge): string {
  const arrow = style === 'error' ? '-.->' : '-->';
  return `${from} ${arrow}${label === undefined ? '' : `|"${escaped(label)}"|`} ${to}`;
}

/** Mermaid's entities; what would begin Markdown or a comment is one too. */
function escaped(text: string): string {
  return text.replace(/[#&"<>`*_~\\[\](){}|%;\n]/g, (character) => `#${character.codePointAt(0) ?? 0};`);
}
