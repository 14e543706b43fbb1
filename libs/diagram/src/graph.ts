/**
 * The graph of a workflow: what runs after what, as its document says it.
 *
 * Owns the meaning of tasks and directives as vertices and edges. Does not own how they are drawn.
 *
 * G1 Every list of tasks is a graph of its own, with a beginning and an end; an edge never leaves its list, for no
 *    directive does. `then: end` leads to a stop within the list.
 * G2 A document that is not valid gives the graph of what can be read of it; nothing is thrown.
 */
import { isList, isObject, property, type Json, type JsonObject } from './json.ts';
import { eventText, shortened, summaryOf } from './summary.ts';

export interface Vertex {
  readonly id: string;
  readonly kind: 'start' | 'end' | 'stop' | 'task' | 'block';
  readonly title: string;
  /** Further lines: what it does. */
  readonly lines: readonly string[];
  /** The task's reference, such as `/do/0/greet`, by which executions name it. */
  readonly reference?: string;
  /** The kind of task, such as `call`, or the part of one, such as `catch`. */
  readonly task?: string;
  readonly inside?: Graph;
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly label?: string;
  /** `error`: taken when something fails. */
  readonly style: 'flow' | 'error';
}

export interface Graph {
  readonly vertices: readonly Vertex[];
  readonly edges: readonly Edge[];
}

/** Most vertices of a graph; of a larger workflow the rest is left out, and said so. */
export const VERTICES_MAX = 2_000;

/** The graph of a workflow's document. */
export function graphOf(document: JsonObject): Graph {
  const maker = new Maker();
  return maker.list(document['do'], '/do', { start: 'start', end: 'end' });
}

const KINDS = ['call', 'for', 'do', 'emit', 'fork', 'listen', 'raise', 'run', 'set', 'switch', 'try', 'wait'] as const;

interface Item {
  readonly name: string;
  readonly definition: JsonObject;
  readonly reference: string;
}

class Maker {
  #count = 0;

  #id(): string {
    return `n${this.#count++}`;
  }

  /** Tasks one after another. Inner lists have ends without words. */
  list(value: Json | undefined, pointer: string, words: { readonly start: string; readonly end: string } = { start: '', end: '' }): Graph {
    const items = itemsOf(value, pointer);
    const start: Vertex = { id: this.#id(), kind: 'start', title: words.start, lines: [] };
    const vertices: Vertex[] = [start];
    const edges: Edge[] = [];
    const shown = items.slice(0, Math.max(0, VERTICES_MAX - this.#count));
    const made = shown.map((item) => this.#vertex(item));
    const end: Vertex = { id: this.#id(), kind: 'end', title: shown.length < items.length ? `${items.length - shown.length} more tasks` : words.end, lines: [] };
    vertices.push(...made, end);
    edges.push({ from: start.id, to: made[0]?.id ?? end.id, style: 'flow' });
    let stop: Vertex | undefined;
    const target = (then: Json | undefined, index: number): string => {
      if (then === 'exit') return end.id;
      if (then === 'end') {
        if (words.end !== '') return end.id;
        stop ??= { id: this.#id(), kind: 'stop', title: 'end', lines: [] };
        return stop.id;
      }
      const named = typeof then === 'string' && then !== 'continue' ? shown.findIndex(({ name }) => name === then) : -1;
      return made[named >= 0 ? named : index + 1]?.id ?? end.id;
    };
    shown.forEach(({ definition }, index) => {
      const vertex = made[index];
      if (vertex === undefined || !fallsThrough(vertex)) return;
      const from = vertex.id;
      edges.push(...flowsOf(definition).map(({ then, label }) => ({ from, to: target(then, index), style: 'flow' as const, ...(label === undefined ? {} : { label: shortened(label) }) })));
    });
    const isReached = words.end !== '' || end.title !== '' || edges.some(({ to }) => to === end.id);
    return { vertices: [...vertices.filter((vertex) => vertex !== end || isReached), ...(stop === undefined ? [] : [stop])], edges: merged(edges) };
  }

  #vertex({ name, definition, reference }: Item): Vertex {
    const kind = KINDS.find((each) => Object.hasOwn(definition, each)) ?? 'task';
    const head = { id: this.#id(), title: shortened(name), lines: summaryOf(kind, definition), reference, task: kind };
    const inside = this.#inside(kind, definition, reference);
    return inside === undefined ? { ...head, kind: 'task' } : { ...head, kind: 'block', inside };
  }

  #inside(kind: string, definition: JsonObject, reference: string): Graph | undefined {
    switch (kind) {
      case 'do':
      case 'for':
        return this.list(definition['do'], `${reference}/do`);
      case 'fork':
        return this.#fork(property(definition['fork'], 'branches'), `${reference}/fork/branches`);
      case 'try':
        return this.#attempt(definition, reference);
      case 'listen': {
        const inner = property(definition['foreach'], 'do');
        return inner === undefined ? undefined : this.list(inner, `${reference}/foreach/do`);
      }
      default:
        return undefined;
    }
  }

  /** Branches side by side. */
  #fork(value: Json | undefined, pointer: string): Graph {
    const start: Vertex = { id: this.#id(), kind: 'start', title: '', lines: [] };
    const items = itemsOf(value, pointer);
    const branches = items.slice(0, Math.max(0, VERTICES_MAX - this.#count)).map((item) => this.#vertex(item));
    const end: Vertex = { id: this.#id(), kind: 'end', title: branches.length < items.length ? `${items.length - branches.length} more branches` : '', lines: [] };
    return { vertices: [start, ...branches, end], edges: branches.flatMap(({ id }) => [{ from: start.id, to: id, style: 'flow' as const }, { from: id, to: end.id, style: 'flow' as const }]) };
  }

  /** The block, and what happens when it fails. */
  #attempt(definition: JsonObject, reference: string): Graph {
    const clause = definition['catch'];
    const handler = property(clause, 'do');
    const start: Vertex = { id: this.#id(), kind: 'start', title: '', lines: [] };
    const block: Vertex = { id: this.#id(), kind: 'block', title: 'try', lines: [], task: 'block', inside: this.list(definition['try'], `${reference}/try`) };
    const lines = summaryOf('catch', isObject(clause) ? clause : {});
    const caught: Vertex = { id: this.#id(), title: 'catch', lines, task: 'catch', ...(handler === undefined ? { kind: 'task' } : { kind: 'block', inside: this.list(handler, `${reference}/catch/do`) }) };
    const end: Vertex = { id: this.#id(), kind: 'end', title: '', lines: [] };
    const retries = property(clause, 'retry') === undefined ? [] : [{ from: caught.id, to: block.id, style: 'error' as const, label: 'retry' }];
    const leaving = (vertex: Vertex): readonly Edge[] => (fallsThrough(vertex) ? [{ from: vertex.id, to: end.id, style: 'flow' }] : []);
    const edges: readonly Edge[] = [
      { from: start.id, to: block.id, style: 'flow' },
      ...leaving(block),
      { from: block.id, to: caught.id, style: 'error', label: 'error' },
      ...retries,
      ...leaving(caught),
    ];
    const isReached = edges.some(({ to }) => to === end.id);
    return { vertices: [start, block, caught, ...(isReached ? [end] : [])], edges };
  }
}

/** Whether control may come out of it: not where every way inside ends the workflow. A loop may have nothing to go through. */
function fallsThrough({ task, inside }: Vertex): boolean {
  return inside === undefined || task === 'for' || task === 'listen' || inside.vertices.some(({ kind }) => kind === 'end');
}

interface Flow {
  readonly then: Json | undefined;
  readonly label?: string;
}

/** Where a task may lead. A switch without a default goes on where no case holds; a `raise` leads nowhere. */
function flowsOf(definition: JsonObject): readonly Flow[] {
  const { then, switch: cases, if: condition } = definition;
  if (Object.hasOwn(definition, 'raise')) return condition === undefined ? [] : [{ then: undefined, label: 'skipped' }];
  if (!isList(cases)) return condition === undefined || then === undefined || then === 'continue' ? [{ then }] : [{ then }, { then: undefined, label: 'skipped' }];
  const flows = cases.flatMap((each) => {
    const [name, value] = isObject(each) ? (Object.entries(each)[0] ?? []) : [];
    if (name === undefined) return [];
    const when = property(value, 'when');
    return [{ then: property(value, 'then'), label: when === undefined ? name : `${name}: ${eventText(when)}`, isDefault: when === undefined }];
  });
  return flows.some(({ isDefault }) => isDefault) ? flows : [...flows, { then, label: 'else' }];
}

/** Several edges between the same two become one, with all their labels. */
function merged(edges: readonly Edge[]): readonly Edge[] {
  const byEnds = new Map<string, Edge>();
  for (const edge of edges) {
    const key = `${edge.from} ${edge.to} ${edge.style}`;
    const known = byEnds.get(key);
    const label = [known?.label, edge.label].filter((each) => each !== undefined).join(' · ');
    byEnds.set(key, label === '' ? edge : { ...edge, label: shortened(label) });
  }
  return [...byEnds.values()];
}

function itemsOf(value: Json | undefined, pointer: string): readonly Item[] {
  return (isList(value) ? value : []).flatMap((item, index) => {
    const [name, definition] = isObject(item) ? (Object.entries(item)[0] ?? []) : [];
    if (name === undefined || !isObject(definition)) return [];
    return [{ name, definition, reference: `${pointer}/${index}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}` }];
  });
}
