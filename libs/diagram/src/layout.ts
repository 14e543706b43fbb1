/**
 * Places of vertices and edges.
 *
 * Owns sizes, and blocks within blocks. Layering within one list is dagre's.
 *
 * L1 Lists are laid out from the inside out, each as a flat graph in which an inner block is a box of known size.
 * L2 Equal graphs have equal layouts.
 */
import { graphlib, layout as place } from '@dagrejs/dagre';
import type { Edge, Graph, Vertex } from './graph.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Left upper corner and size, in pixels, within the box around it. */
export interface PlacedVertex extends Point {
  readonly vertex: Vertex;
  readonly width: number;
  readonly height: number;
  readonly inside?: Layout;
}

export interface PlacedEdge {
  readonly edge: Edge;
  readonly points: readonly Point[];
  /** The middle of its label. */
  readonly label?: Point;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly vertices: readonly PlacedVertex[];
  readonly edges: readonly PlacedEdge[];
}

/** Pixels. */
export const METRICS = { padding: 12, lineHeight: 17, titleWidth: 8.3, textWidth: 7.2, pointSize: 14, vertexWidthMin: 90, rankGap: 34, vertexGap: 26, margin: 16 } as const;

/** Wide characters take about twice the room. */
function widthOf(text: string, unit: number): number {
  return [...text].reduce((sum, character) => sum + ((character.codePointAt(0) ?? 0) > 0x2e7f ? 1.8 * unit : unit), 0);
}

/** The room that a vertex's own words take. */
export function headOf({ title, lines }: Vertex): { readonly width: number; readonly height: number } {
  const width = Math.max(widthOf(title, METRICS.titleWidth), ...lines.map((line) => widthOf(line, METRICS.textWidth)));
  return { width: Math.ceil(width) + 2 * METRICS.padding, height: (1 + lines.length) * METRICS.lineHeight + METRICS.padding };
}

export function layoutOf(graph: Graph): Layout {
  const inner = new Map(graph.vertices.flatMap((vertex) => (vertex.inside === undefined ? [] : [[vertex.id, layoutOf(vertex.inside)] as const])));
  const flat = new graphlib.Graph({ multigraph: true });
  flat.setGraph({ rankdir: 'TB', nodesep: METRICS.vertexGap, ranksep: METRICS.rankGap, marginx: METRICS.margin, marginy: METRICS.margin });
  for (const vertex of graph.vertices) flat.setNode(vertex.id, sizeOf(vertex, inner.get(vertex.id)));
  graph.edges.forEach((edge, index) => {
    const label = edge.label === undefined ? {} : { width: Math.ceil(widthOf(edge.label, METRICS.textWidth)) + 8, height: METRICS.lineHeight, labelpos: 'c' };
    flat.setEdge(edge.from, edge.to, label, String(index));
  });
  place(flat);
  const { width = 0, height = 0 } = flat.graph() as { readonly width?: number; readonly height?: number };
  return {
    width: Math.ceil(width),
    height: Math.ceil(height),
    vertices: graph.vertices.map((vertex) => placed(vertex, flat.node(vertex.id) as Point & Size, inner.get(vertex.id))),
    edges: graph.edges.map((edge, index) => {
      const { points, x, y } = flat.edge(edge.from, edge.to, String(index)) as { readonly points: readonly Point[] } & Partial<Point>;
      return { edge, points: points.map(rounded), ...(edge.label === undefined || x === undefined || y === undefined ? {} : { label: rounded({ x, y }) }) };
    }),
  };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function sizeOf(vertex: Vertex, inside: Layout | undefined): Size {
  if (vertex.kind !== 'task' && vertex.kind !== 'block' && vertex.title === '') return { width: METRICS.pointSize, height: METRICS.pointSize };
  const head = headOf(vertex);
  if (inside === undefined) return { width: Math.max(METRICS.vertexWidthMin, head.width), height: head.height };
  return { width: Math.max(head.width, inside.width), height: head.height + inside.height };
}

function placed(vertex: Vertex, { x, y, width, height }: Point & Size, inside: Layout | undefined): PlacedVertex {
  return { vertex, ...rounded({ x: x - width / 2, y: y - height / 2 }), width, height, ...(inside === undefined ? {} : { inside }) };
}

function rounded({ x, y }: Point): Point {
  return { x: Math.round(x * 10) / 10, y: Math.round(y * 10) / 10 };
}
