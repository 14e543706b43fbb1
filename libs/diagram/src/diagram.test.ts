import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { readDocuments } from '@millrace/dsl';
import { graphOf, mermaidOf, statusesOf, svgOf, type Graph, type Vertex } from './index.ts';
import type { JsonObject } from './json.ts';
import { layoutOf, type Layout } from './layout.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const outside = process.env['SERVERLESS_WORKFLOW_EXAMPLES'];
const folders = ['libs/dsl/fixtures', 'examples', 'tools/conformance'].map((folder) => path.join(ROOT, folder));

const documents = [...folders, ...(outside === undefined ? [] : [outside])].flatMap((folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name) && !/node_modules/.test(entry.parentPath))
    .flatMap((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      const read = readDocuments(readFileSync(file, 'utf8'), { fileName: file });
      return read.kind === 'refused' ? [] : read.documents.flatMap((document) => (document.kind === 'workflow' ? [[path.relative(folder, file), document.value as JsonObject] as const] : []));
    }),
);

const WORKFLOW = {
  do: [
    { ask: { call: 'http', with: { method: 'get', endpoint: 'https://x.example.com/<a>&"b"' } } },
    { which: { switch: [{ again: { when: '${ .n < 3 }', then: 'ask' } }, { stop: { when: '.n > 9', then: 'end' } }] } },
    { both: { fork: { compete: true, branches: [{ left: { wait: { seconds: 3 } } }, { right: { set: { a: 1 } } }] } } },
    { safe: { try: [{ pay: { call: 'grpc', with: { service: { name: 'Bank' }, method: 'Pay' } } }], catch: { errors: { with: { status: 503 } }, retry: {}, do: [{ tell: { emit: { event: { with: { type: 'failed' } } }, then: 'end' } }] } } },
    { each: { for: { each: 'x', in: '.list' }, do: [{ hear: { listen: { to: { one: { with: { type: 'ok' } } } } } }] } },
    { wrong: { raise: { error: { type: 'https://x/errors/bad', status: 400 } } } },
  ],
} as const;

/** Edges by the names of their ends. */
function edgesOf({ vertices, edges }: Graph): readonly string[] {
  const name = (id: string): string => {
    const vertex = vertices.find((each) => each.id === id);
    return vertex?.kind === 'task' || vertex?.kind === 'block' ? vertex.title : (vertex?.kind ?? '');
  };
  return edges.map(({ from, to, label, style }) => `${name(from)} ${style === 'error' ? '~' : '-'}${label === undefined ? '' : `${label}-`}> ${name(to)}`);
}

function inside(graph: Graph, title: string): Graph {
  return graph.vertices.find((vertex: Vertex) => vertex.title === title)?.inside ?? { vertices: [], edges: [] };
}

describe('the graph of a workflow', () => {
  const graph = graphOf(WORKFLOW);

  test('has an edge for every way that control can go, back too', () => {
    expect(edgesOf(graph)).toEqual(['start -> ask', 'ask -> which', 'which -again: .n < 3-> ask', 'which -stop: .n > 9-> end', 'which -else-> both', 'both -> safe', 'safe -> each', 'each -> wrong']);
  });

  test('has branches side by side, and what happens to errors', () => {
    expect(edgesOf(inside(graph, 'both'))).toEqual(['start -> left', 'left -> end', 'start -> right', 'right -> end']);
    const safe = inside(graph, 'safe');
    expect(edgesOf(safe)).toEqual(['start -> try', 'try -> end', 'try ~error-> catch', 'catch ~retry-> try']);
    expect(edgesOf(inside(safe, 'catch'))).toEqual(['start -> tell', 'tell -> stop']);
  });

  test('says what tasks do', () => {
    expect(graph.vertices.map(({ title, lines }) => [title, ...lines].join(': '))).toEqual(['start', 'ask: GET x.example.com/<a>&"b"', 'which: switch', 'both: fork, the first wins', 'safe: try', 'each: for each x in .list', 'wrong: raise bad 400', 'end']);
  });

  test('of a document that is none is an empty one', () => {
    for (const wrong of [{}, { do: 7 }, { do: [null, 1, {}] }, { do: [{ a: null }] }] as readonly JsonObject[]) expect(edgesOf(graphOf(wrong))).toEqual(['start -> end']);
  });
});

test('Mermaid has subgraphs, labels and statuses, with everything escaped that it would read', () => {
  const text = mermaidOf(graphOf(WORKFLOW), { title: 'orders', statuses: statusesOf([{ reference: '/do/0/ask', status: 'faulted' }, { reference: '/do/0/ask', status: 'completed' }]) });
  expect(text).toContain('flowchart TD\n');
  expect(text).toContain('n1["ask<br/>GET x.example.com/#60;a#62;#38;#34;b#34;"]');
  expect(text).toMatch(/subgraph n\d+\["both<br\/>fork, the first wins"\]/);
  expect(text).toMatch(/-->\|"again: .n #60; 3"\| n1\n/);
  expect(text).toContain('class n1 faulted');
});

/** Vertices of one list do not lie upon one another, and are within their block. */
function problemsOf(layout: Layout): readonly string[] {
  const { vertices, width, height } = layout;
  const problems = vertices.flatMap((one, index) => [
    ...(one.x < -0.1 || one.y < -0.1 || one.x + one.width > width + 0.1 || one.y + one.height > height + 0.1 ? [`${one.vertex.title} is outside`] : []),
    ...vertices.slice(index + 1).flatMap((other) => (one.x < other.x + other.width && other.x < one.x + one.width && one.y < other.y + other.height && other.y < one.y + one.height ? [`${one.vertex.title} is upon ${other.vertex.title}`] : [])),
    ...(one.inside === undefined ? [] : problemsOf(one.inside)),
  ]);
  return problems;
}

test.each<readonly [string, JsonObject]>([['a workflow of every kind', WORKFLOW as JsonObject], ...documents])('%s: the picture has every task once, none upon another', (_name, document) => {
  const graph = graphOf(document);
  expect(problemsOf(layoutOf(graph))).toEqual([]);
  const svg = svgOf(graph);
  const references = Array.from(svg.matchAll(/data-reference="([^"]*)"/g), ([, reference]) => reference);
  expect(new Set(references).size).toBe(references.length);
  expect(svgOf(graphOf(document))).toBe(svg);
  expect(mermaidOf(graph)).toContain('flowchart TD');
});

test('a thousand tasks are laid out, and more than the limit are counted', () => {
  const many = (count: number): JsonObject => ({ do: Array.from({ length: count }, (_, index) => ({ [`t${index}`]: { set: {} } })) });
  expect(svgOf(graphOf(many(300)))).toContain('>t299<');
  expect(graphOf(many(5_000)).vertices.at(-1)?.title).toBe('3001 more tasks');
});

const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => existsSync(file));
const inBrowser = chromium === undefined ? test.skip : test;

inBrowser('a browser reads the picture, and no word is wider than its box', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-svg-'));
  try {
    const pictures = [['every kind', WORKFLOW as JsonObject] as const, ...documents].map(([, document]) => svgOf(graphOf(document)));
    // As XML, not as HTML: what is not well-formed is an error.
    const script = `const failures = []; ${JSON.stringify(pictures)}.forEach((text, number) => {
      const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
      if (parsed.querySelector('parsererror')) return failures.push(number + ' is not well-formed');
      const svg = document.body.appendChild(document.importNode(parsed.documentElement, true));
      const whole = svg.getBoundingClientRect();
      svg.querySelectorAll('g[data-reference] > text').forEach((each) => {
        const word = each.getBoundingClientRect(); const box = each.parentNode.firstElementChild.getBoundingClientRect();
        if (word.left < box.left || word.right > box.right || word.bottom > box.bottom + 1) failures.push(number + ': ' + each.textContent + ' is outside its box');
      });
      svg.querySelectorAll('rect.v, rect.b, path.e').forEach((each) => { const box = each.getBoundingClientRect(); if (box.left < whole.left - 1 || box.right > whole.right + 1 || box.bottom > whole.bottom + 1) failures.push(number + ': something is outside the picture'); });
      svg.remove();
    }); document.title = 'done'; document.body.textContent = 'RESULT' + JSON.stringify(failures) + 'END';`;
    const page = path.join(folder, 'page.html');
    await writeFile(page, `<!doctype html><meta charset="utf-8"><body><script>${script.replaceAll('</', '<\\/')}</script>`);
    const { stdout } = await promisify(execFile)(chromium ?? '', ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', `--user-data-dir=${folder}/profile`, '--dump-dom', `file://${page}`], { timeout: 25_000, maxBuffer: 64 * 1024 * 1024 });
    expect(/RESULT(.*)END/.exec(stdout)?.[1]).toBe('[]');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
