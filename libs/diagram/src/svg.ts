/** A graph as a picture: SVG that stands alone, without scripts, fonts or anything from elsewhere. */
import type { Graph } from './graph.ts';
import { headOf, layoutOf, METRICS, type Layout, type PlacedEdge, type PlacedVertex, type Point } from './layout.ts';
import { colourOf, type TaskStatuses } from './status.ts';

const STYLE = `
text{font:12px ui-sans-serif,Helvetica,Arial,sans-serif;fill:#0f172a}
.t{font-weight:600;font-size:13px}
.s{fill:#475569}
.v{fill:#fff;stroke:#475569;stroke-width:1.2}
.b{fill:#f8fafc;stroke:#94a3b8;stroke-width:1.2}
.c{stroke-dasharray:5 3}
.p{fill:#475569}
.o{fill:#475569;stroke:none}
.e{fill:none;stroke:#475569;stroke-width:1.3}
.x{stroke:#b91c1c;stroke-dasharray:5 4}
.l{fill:#fff;opacity:.88}
`.trim();

/** An SVG document. With `statuses`, tasks have the colour of what became of them. */
export function svgOf(graph: Graph, { title = 'Workflow', statuses }: { readonly title?: string; readonly statuses?: TaskStatuses } = {}): string {
  const layout = layoutOf(graph);
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${layout.width} ${layout.height}" width="${layout.width}" height="${layout.height}">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
<defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="#475569"/></marker></defs>
<rect width="100%" height="100%" fill="#fff"/>
${drawn(layout, { x: 0, y: 0 }, statuses)}
</svg>
`;
}

/** Boxes first, then what is in them, then edges, labels on top. */
function drawn(layout: Layout, origin: Point, statuses: TaskStatuses | undefined): string {
  const vertices = layout.vertices.map((vertex) => vertexSvg(vertex, origin, statuses));
  const lines = layout.edges.map((edge) => lineSvg(edge, origin));
  const labels = layout.edges.map((edge) => labelSvg(edge, origin));
  return [...vertices, ...lines, ...labels].filter((part) => part !== '').join('\n');
}

function vertexSvg(placed: PlacedVertex, origin: Point, statuses: TaskStatuses | undefined): string {
  const { vertex, width, height, inside } = placed;
  const x = origin.x + placed.x;
  const y = origin.y + placed.y;
  if (vertex.kind !== 'task' && vertex.kind !== 'block') return pointSvg(placed, x, y);
  const status = vertex.reference === undefined ? undefined : statuses?.get(vertex.reference);
  const colour = status === undefined ? '' : ` style="fill:${colourOf(status).fill};stroke:${colourOf(status).stroke};stroke-width:2"`;
  const head = headOf(vertex);
  const words = [vertex.title, ...vertex.lines].map((line, index) => textSvg(line, x + (inside === undefined ? width / 2 : METRICS.padding), y + METRICS.padding / 2 + (index + 0.75) * METRICS.lineHeight, index === 0 ? 't' : 's', inside === undefined));
  const box = shapeOf(vertex.task, x, y, width, height, `class="${vertex.kind === 'block' ? 'b' : 'v'}${vertex.task === 'catch' ? ' c' : ''}"${colour}`);
  const reference = vertex.reference === undefined ? '' : ` data-reference="${escaped(vertex.reference)}"`;
  const inner = inside === undefined ? '' : `\n${drawn(inside, { x: x + (width - inside.width) / 2, y: y + head.height }, statuses)}`;
  return `<g${reference}${status === undefined ? '' : ` data-status="${status}"`}>${box}${words.join('')}${inner}</g>`;
}

/** A switch has pointed sides, an error a cut corner, everything else is a box. */
function shapeOf(task: string | undefined, x: number, y: number, width: number, height: number, attributes: string): string {
  if (task === 'switch') return `<path ${attributes} d="M${x + 9} ${y}H${x + width - 9}L${x + width} ${y + height / 2}L${x + width - 9} ${y + height}H${x + 9}L${x} ${y + height / 2}z"/>`;
  if (task === 'raise') return `<path ${attributes} d="M${x} ${y}H${x + width - 10}L${x + width} ${y + 10}V${y + height}H${x}z"/>`;
  return `<rect ${attributes} x="${x}" y="${y}" width="${width}" height="${height}" rx="6"/>`;
}

function pointSvg({ vertex, width, height }: PlacedVertex, x: number, y: number): string {
  if (vertex.title === '') return `<circle class="p" cx="${x + width / 2}" cy="${y + height / 2}" r="${vertex.kind === 'start' ? 4 : 5}"/>`;
  return `<g><rect class="v" x="${x}" y="${y}" width="${width}" height="${height}" rx="${height / 2}"${vertex.kind === 'start' ? '' : ' style="stroke-width:2.4"'}/>${textSvg(vertex.title, x + width / 2, y + METRICS.padding / 2 + 0.75 * METRICS.lineHeight, 's', true)}</g>`;
}

function lineSvg({ edge, points }: PlacedEdge, origin: Point): string {
  return `<path class="e${edge.style === 'error' ? ' x' : ''}" marker-end="url(#a)" d="${pathOf(points.map(({ x, y }) => ({ x: origin.x + x, y: origin.y + y })))}"/>`;
}

/** Straight from point to point, the corners rounded. */
function pathOf(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  const parts = [`M${first.x} ${first.y}`];
  rest.forEach((point, index) => {
    const next = rest[index + 1];
    if (next === undefined) parts.push(`L${point.x} ${point.y}`);
    else parts.push(`Q${point.x} ${point.y} ${(point.x + next.x) / 2} ${(point.y + next.y) / 2}`);
  });
  return parts.join('');
}

function labelSvg({ edge, label, points }: PlacedEdge, origin: Point): string {
  if (edge.label === undefined) return '';
  const at = label ?? points[Math.floor(points.length / 2)] ?? { x: 0, y: 0 };
  const width = Math.ceil([...edge.label].length * METRICS.textWidth) + 4;
  const x = origin.x + at.x;
  const y = origin.y + at.y;
  return `<rect class="l" x="${x - width / 2}" y="${y - METRICS.lineHeight / 2}" width="${width}" height="${METRICS.lineHeight}"/>${textSvg(edge.label, x, y + 4, 's', true)}`;
}

function textSvg(text: string, x: number, y: number, className: string, isCentred: boolean): string {
  return `<text class="${className}" x="${x}" y="${y}"${isCentred ? ' text-anchor="middle"' : ''}>${escaped(text)}</text>`;
}

/** What XML 1.0 cannot hold is replaced. */
function escaped(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
