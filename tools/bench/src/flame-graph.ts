/**
 * A CPU profile as a flame graph: one SVG without scripts. Callers stand below what they called, widths are time, and
 * the tooltip of a box says its name, its share and its microseconds a step.
 */
import { forEachSample, labelOf, type CpuProfile } from './profile-table.ts';

const WIDTH = 1_600;
const ROW = 16;
/** Boxes narrower than this are left out, in pixels. */
const NARROWEST = 0.4;
/** Pixels that a letter takes. */
const LETTER = 6.3;

interface Box {
  readonly name: string;
  us: number;
  readonly above: Map<string, Box>;
}

export function flameGraph(profile: CpuProfile, window: { readonly steps: number; readonly fromUs: number; readonly toUs: number }, title: string): string {
  const stacks = stacksOf(profile);
  const root: Box = { name: 'all', us: 0, above: new Map() };
  forEachSample(profile, window, (node, us) => {
    const stack = stacks(node);
    if (stack.includes('(idle)')) return;
    let box = root;
    box.us += us;
    for (const name of stack) {
      let next = box.above.get(name);
      if (next === undefined) {
        next = { name, us: 0, above: new Map() };
        box.above.set(name, next);
      }
      next.us += us;
      box = next;
    }
  });
  const drawn: string[] = [];
  const depth = draw(root, 0, 0, WIDTH / Math.max(1, root.us), { all: root.us, steps: Math.max(1, window.steps) }, drawn);
  const height = (depth + 3) * ROW;
  const flipped = drawn.map((box) => box.replaceAll(/y="(\d+)"/g, (_, y: string) => `y="${height - ROW - Number(y)}"`));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="11">
<rect width="100%" height="100%" fill="#fff"/><text x="8" y="18" font-size="14">${escaped(title)}</text>
${flipped.join('\n')}
</svg>
`;
}

/** Names of a node's callers and its own, from the bottom. */
function stacksOf(profile: CpuProfile): (node: number) => readonly string[] {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const node of profile.nodes) for (const child of node.children ?? []) parents.set(child, node.id);
  const known = new Map<number, readonly string[]>();
  return (node) => {
    let stack = known.get(node);
    if (stack === undefined) {
      const names: string[] = [];
      for (let at: number | undefined = node; at !== undefined; at = parents.get(at)) {
        const frame = byId.get(at)?.callFrame;
        if (frame !== undefined && frame.functionName !== '(root)') names.push(labelOf(frame));
      }
      stack = names.reverse();
      known.set(node, stack);
    }
    return stack;
  };
}

/** Yields how many rows stand above the lowest. */
function draw(box: Box, x: number, row: number, perUs: number, total: { readonly all: number; readonly steps: number }, drawn: string[]): number {
  const width = box.us * perUs;
  if (width < NARROWEST) return row;
  const share = ((100 * box.us) / Math.max(1, total.all)).toFixed(1);
  const shown = box.name.length * LETTER < width ? box.name : box.name.slice(0, Math.max(0, Math.floor(width / LETTER) - 1));
  const y = row * ROW;
  drawn.push(`<g><title>${escaped(box.name)} ${share} %, ${(box.us / total.steps).toFixed(2)} µs a step</title><rect x="${x.toFixed(1)}" y="${y + ROW}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colour(box.name)}"/><text x="${(x + 2).toFixed(1)}" y="${y + 4}">${escaped(shown)}</text></g>`);
  let at = x;
  let highest = row;
  for (const above of [...box.above.values()].sort((a, b) => a.name.localeCompare(b.name))) {
    highest = Math.max(highest, draw(above, at, row + 1, perUs, total, drawn));
    at += above.us * perUs;
  }
  return highest;
}

/** The product warm, packages green, Node.js blue; a name always has its shade. */
function colour(name: string): string {
  let mixed = 0;
  for (const letter of name) mixed = (mixed * 31 + letter.charCodeAt(0)) >>> 0;
  const light = 62 + (mixed % 16);
  const hue = / (apps|libs)\//.test(name) ? 24 : / node:/.test(name) || !name.includes(' ') ? 210 : 110;
  return `hsl(${hue} 65% ${light}%)`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
