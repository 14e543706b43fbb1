/**
 * A CPU profile of a service, by feature: how many microseconds of a core each costs a step.
 *
 * - Only samples of the measured time count: start and warm-up are cut off.
 * - Time in Node.js' own functions (streams, HTTP/2, sockets, JSON, buffers) is counted for whoever called them, in a
 *   column of its own: that is what leaving the feature out would save.
 * - Garbage is collected for everybody and stands alone.
 */

/** As V8 writes it (`--cpu-prof`); times in microseconds of the monotonic clock. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

export interface FeatureRow {
  readonly feature: string;
  /** In its own functions, in microseconds a step. */
  readonly ownUs: number;
  /** In Node.js' functions that it called. */
  readonly nodeUs: number;
  readonly totalUs: number;
  readonly sharePercent: number;
}

export interface FunctionRow {
  readonly function: string;
  readonly feature: string;
  readonly ownUs: number;
}

export interface ProfileTable {
  readonly features: readonly FeatureRow[];
  readonly functions: readonly FunctionRow[];
  /** Busy, without the time in which the process had nothing to do. */
  readonly busyUs: number;
  readonly samples: number;
}

interface Window {
  readonly steps: number;
  readonly fromUs: number;
  readonly toUs: number;
}

const NODE = 'Node.js itself: event loop, sockets, timers';
const GARBAGE = 'garbage collection';
const IDLE = '(idle)';

/** What a file belongs to: the first that matches. */
const FEATURES: readonly (readonly [RegExp, string])[] = [
  [/\/libs\/jq\//, 'expressions (jq)'],
  [/\/libs\/engine\/src\/(frame|encode|decode|record|canonical|snapshot|payload|text)[^/]*\.ts/, 'frames: encoding records'],
  [/\/libs\/engine\//, 'engine: deciding and applying'],
  [/\/libs\/fairness\//, 'fair queue, permits'],
  [/\/(lifecycle|outbox)[^/]*\.ts/, 'lifecycle events'],
  [/\/(history|segments)\/|history-store|checkpoint/, 'history and checkpoints'],
  [/\/span|\/trace|\/libs\/telemetry\//, 'traces and metrics'],
  [/\/dispatch\/|\/libs\/worker\//, 'dispatch to workers'],
  [/\/api\/|\/starts\/|\/apps\/gateway\//, 'starts and answers'],
  [/\/libs\/lane\//, 'lane: mailbox, log, effects'],
  [/\/libs\/bus\/src\/frame-bytes/, 'frames: compression'],
  [/\/libs\/contracts\/|@bufbuild\/protobuf/, 'protocol messages: encoding and decoding'],
  [/\/libs\/rpc\/|@grpc\//, 'gRPC'],
  [/\/libs\/bus\/|@nats-io\//, 'NATS client'],
  [/\/libs\/store\/|\/mongodb\/|\/bson\//, 'MongoDB driver'],
  [/\/apps\/connector\//, 'connector: steps'],
  [/\/node_modules\//, 'other packages'],
  [/\/(apps|libs)\//, 'other files of the product'],
];

/** Functions of Node.js that are a feature by themselves, wherever they are called from. */
const NODE_FEATURES: readonly (readonly [RegExp, string])[] = [[/zstd|^zlib|Zlib|brotli|processChunkSync/i, 'frames: compression']];

/** Rows of both tables, those that cost most first. */
const FUNCTIONS_SHOWN = 25;

export function profileTable(profile: CpuProfile, window: Window): ProfileTable {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const node of profile.nodes) for (const child of node.children ?? []) parents.set(child, node.id);
  const own = new Map<string, number>();
  const core = new Map<string, number>();
  const functions = new Map<string, { readonly feature: string; us: number }>();
  const places = new Map<number, Place>();
  let busy = 0;
  let samples = 0;
  forEachSample(profile, window, (id, us) => {
    let place = places.get(id);
    if (place === undefined) {
      place = placeOf(id, byId, parents);
      places.set(id, place);
    }
    if (place.feature === IDLE) return;
    samples++;
    busy += us;
    const sums = place.inNode ? core : own;
    sums.set(place.feature, (sums.get(place.feature) ?? 0) + us);
    const known = functions.get(place.name);
    if (known === undefined) functions.set(place.name, { feature: place.feature, us });
    else known.us += us;
  });
  const perStep = (us: number): number => Math.round((us / Math.max(1, window.steps)) * 100) / 100;
  const features = [...new Set([...own.keys(), ...core.keys()])].map((feature): FeatureRow => {
    const [ownUs, nodeUs] = [own.get(feature) ?? 0, core.get(feature) ?? 0];
    return { feature, ownUs: perStep(ownUs), nodeUs: perStep(nodeUs), totalUs: perStep(ownUs + nodeUs), sharePercent: busy === 0 ? 0 : Math.round((1000 * (ownUs + nodeUs)) / busy) / 10 };
  });
  return {
    features: features.sort((a, b) => b.totalUs - a.totalUs || a.feature.localeCompare(b.feature)),
    functions: [...functions].map(([name, { feature, us }]) => ({ function: name, feature, ownUs: perStep(us) })).sort((a, b) => b.ownUs - a.ownUs).slice(0, FUNCTIONS_SHOWN),
    busyUs: perStep(busy),
    samples,
  };
}

/** Calls back with each sample of the window: its node and how long it stands for, in microseconds. */
export function forEachSample({ startTime, samples, timeDeltas }: CpuProfile, { fromUs, toUs }: Pick<Window, 'fromUs' | 'toUs'>, visit: (node: number, us: number) => void): void {
  let at = startTime;
  for (let index = 0; index < samples.length; index++) {
    at += timeDeltas[index] ?? 0;
    if (at < fromUs || at > toUs) continue;
    // A sample stands for the time until the next one.
    visit(samples[index] as number, Math.max(0, timeDeltas[index + 1] ?? 0));
  }
}

interface Place {
  readonly feature: string;
  /** Its leaf is a function of Node.js. */
  readonly inNode: boolean;
  readonly name: string;
}

function placeOf(id: number, byId: ReadonlyMap<number, ProfileNode>, parents: ReadonlyMap<number, number>): Place {
  const leaf = byId.get(id)?.callFrame;
  if (leaf === undefined) return { feature: NODE, inNode: true, name: '?' };
  const name = labelOf(leaf);
  if (leaf.functionName === '(idle)') return { feature: IDLE, inNode: true, name };
  if (leaf.functionName === '(garbage collector)') return { feature: GARBAGE, inNode: false, name };
  const special = isNodes(leaf) ? NODE_FEATURES.find(([pattern]) => pattern.test(leaf.functionName))?.[1] : undefined;
  if (special !== undefined) return { feature: special, inNode: true, name };
  for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
    const frame = byId.get(at)?.callFrame;
    if (frame === undefined || isNodes(frame)) continue;
    return { feature: featureOf(frame.url), inNode: isNodes(leaf), name };
  }
  return { feature: NODE, inNode: true, name };
}

function isNodes({ url }: ProfileNode['callFrame']): boolean {
  return url === '' || url.startsWith('node:');
}

function featureOf(url: string): string {
  return FEATURES.find(([pattern]) => pattern.test(url))?.[1] ?? 'other files';
}

/** Function and file, for people. */
export function labelOf({ functionName, url, lineNumber }: ProfileNode['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const file = url.replace(/^.*\/node_modules\//, '').replace(/^file:\/\/.*\/(apps|libs|tools)\//, '$1/');
  return `${name} ${file}:${lineNumber + 1}`;
}
