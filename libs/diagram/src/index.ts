export { graphOf, VERTICES_MAX, type Edge, type Graph, type Vertex } from './graph.ts';
export { mermaidOf } from './mermaid.ts';
export { statusesOf, type TaskStatus, type TaskStatuses } from './status.ts';
export { svgOf } from './svg.ts';
