/**
 * The product and other engines on the same works in the same run.
 *
 * - They take turns, round by round, each started fresh on an empty store and stopped again, so that none runs beside
 *   another and slow changes of the machine meet all of them. The order turns round after every round.
 * - A ratio is made within a round, from neighbours in time; what is printed are the least, the middle and the most.
 * - An engine that cannot be had here is named and left out; one whose executions fail is shown as failed.
 */
import type { Endings } from './endings.ts';
import { machine } from './machine.ts';
import type { BenchOptions } from './options.ts';
import { EngineMissing, type Engine, type MeasurePlan, type Measurement, type RunningEngine } from './peers/engine.ts';
import { DEFAULT_PEERS, PEERS } from './peers/engines.ts';
import { millrace } from './peers/millrace.ts';
import { round, spreadOf, type Spread } from './statistics.ts';

const WARM_UP_SECONDS = 4;
/** Executions in flight for the latency of ten steps. */
const FEW = 10;

/** The measures of one turn. */
type Measure = 'chain' | 'latency' | 'ping';

interface Contestant {
  readonly engine: Engine;
  readonly turns: (Readonly<Record<Measure, Measurement>> | undefined)[];
  durability: RunningEngine['durability'];
  versions: RunningEngine['versions'];
  problem: string;
}

export async function compare(options: BenchOptions, endings: Endings): Promise<Readonly<Record<string, unknown>>> {
  const names = options.names.length === 0 ? DEFAULT_PEERS : [...new Set(options.names)];
  const unknown = names.filter((name) => PEERS[name] === undefined);
  if (unknown.length > 0) throw new Error(`there is no engine ${unknown.join(', ')} to compare with; choose from ${Object.keys(PEERS).join(', ')}`);
  const missing: { readonly engine: string; readonly reason: string }[] = [];
  const contestants: Contestant[] = [];
  for (const engine of [millrace(options.inFlight), ...names.flatMap((name) => PEERS[name]?.() ?? [])]) {
    try {
      await engine.prepare();
      contestants.push({ engine, turns: [], durability: {}, versions: {}, problem: '' });
    } catch (error) {
      if (!(error instanceof EngineMissing)) throw error;
      process.stderr.write(`bench compare: ${engine.name} is left out: ${error.message}\n`);
      missing.push({ engine: engine.name, reason: error.message });
    }
  }
  for (let number = 0; number < options.rounds; number++) {
    // Whoever was first in this round is last in the next.
    for (const contestant of number % 2 === 0 ? contestants : [...contestants].reverse()) contestant.turns[number] = await turn(contestant, number, options, endings);
  }
  return report(contestants, missing, options);
}

async function turn(contestant: Contestant, number: number, options: BenchOptions, endings: Endings): Promise<Contestant['turns'][number]> {
  const { engine } = contestant;
  process.stderr.write(`round ${number + 1}: ${engine.name}\n`);
  try {
    const running = await engine.start(endings);
    contestant.durability = running.durability;
    contestant.versions = running.versions;
    const measure = async (what: Measure, plan: Omit<MeasurePlan, 'seconds'>): Promise<Measurement> => {
      const measured = await running.measure({ ...plan, seconds: options.seconds });
      process.stderr.write(`  ${engine.name} ${what}, ${plan.inFlight} in flight: ${Math.round(measured.stepsPerSecond)} steps/s, p50 ${measured.p50Ms.toFixed(1)} ms, p99 ${measured.p99Ms.toFixed(1)} ms${measured.failed > 0 ? `, ${measured.failed} FAILED (${measured.firstFailure})` : ''}\n`);
      if (measured.failed > 0) throw new Error(`${measured.failed} executions failed: ${measured.firstFailure}`);
      return measured;
    };
    const chain = await measure('chain', { work: 'chain-10', inFlight: engine.inFlight['chain-10'], warmUpSeconds: WARM_UP_SECONDS });
    const latency = await measure('latency', { work: 'chain-10', inFlight: FEW, warmUpSeconds: 1 });
    const ping = await measure('ping', { work: 'ping', inFlight: engine.inFlight.ping, warmUpSeconds: 1 });
    await running.stop();
    return { chain, latency, ping };
  } catch (error) {
    contestant.problem = error instanceof Error ? error.message : String(error);
    process.stderr.write(`  ${engine.name} could not be measured: ${contestant.problem}\n`);
    return undefined;
  } finally {
    await endings.all();
  }
}

function report(contestants: readonly Contestant[], missing: readonly unknown[], options: BenchOptions): Readonly<Record<string, unknown>> {
  const [product, ...peers] = contestants as readonly [Contestant, ...Contestant[]];
  return {
    work: 'compare',
    rounds: options.rounds,
    secondsOfEachMeasure: options.seconds,
    payloadBytes: 197,
    engines: contestants.map((contestant) => described(contestant)),
    ratios: peers.map((peer) => ({
      peer: peer.engine.name,
      chain10StepsPerSecond: ratio(product, peer, (turn) => turn.chain.stepsPerSecond),
      pingExecutionsPerSecond: ratio(product, peer, (turn) => turn.ping.executionsPerSecond),
      tenStepsP50: ratio(peer, product, (turn) => turn.latency.p50Ms),
      tenStepsP99: ratio(peer, product, (turn) => turn.latency.p99Ms),
    })),
    ratiosSay: 'how many times as fast the product was as the peer: rates are product / peer, times peer / product',
    missing,
    machine: machine(),
  };
}

function described({ engine, turns, durability, versions, problem }: Contestant): Readonly<Record<string, unknown>> {
  const done = turns.filter((turn) => turn !== undefined);
  const spread = (value: (turn: (typeof done)[number]) => number): Spread => spreadOf(done.map((turn) => round(value(turn))));
  return {
    engine: engine.name,
    title: engine.title,
    chain10: { inflight: engine.inFlight['chain-10'], stepsPerSecond: spread((turn) => turn.chain.stepsPerSecond), p50Ms: spread((turn) => turn.chain.p50Ms), p99Ms: spread((turn) => turn.chain.p99Ms) },
    tenSteps: { inflight: FEW, p50Ms: spread((turn) => turn.latency.p50Ms), p99Ms: spread((turn) => turn.latency.p99Ms) },
    ping: { inflight: engine.inFlight.ping, executionsPerSecond: spread((turn) => turn.ping.executionsPerSecond), p50Ms: spread((turn) => turn.ping.p50Ms), p99Ms: spread((turn) => turn.ping.p99Ms) },
    durability,
    versions,
    processesDuringChain10: (done.at(-1)?.chain.processes ?? []).map(({ name, cpuSeconds, memoryMiB }) => ({ name, cpuSeconds: round(cpuSeconds, 2), memoryMiB: round(memoryMiB) })),
    ...(problem === '' ? {} : { problem }),
  };
}

/** Of rounds that both have done. */
function ratio(above: Contestant, below: Contestant, value: (turn: Readonly<Record<Measure, Measurement>>) => number): Spread | undefined {
  const ratios = above.turns.flatMap((turn, index) => {
    const other = below.turns[index];
    return turn === undefined || other === undefined || value(other) === 0 ? [] : [round(value(turn) / value(other), 2)];
  });
  return ratios.length === 0 ? undefined : spreadOf(ratios);
}

/** The report as a table, for people. */
export function comparisonTable(report: Readonly<Record<string, unknown>>): string {
  type Described = { readonly engine: string; readonly chain10: { readonly inflight: number; readonly stepsPerSecond: Spread }; readonly tenSteps: { readonly p50Ms: Spread; readonly p99Ms: Spread }; readonly ping: { readonly executionsPerSecond: Spread }; readonly processesDuringChain10: readonly { readonly cpuSeconds: number; readonly memoryMiB: number }[]; readonly problem?: string };
  const rows = (report['engines'] as readonly Described[]).map((each) => [
    each.engine,
    `${text(each.chain10.stepsPerSecond)} (${each.chain10.inflight})`,
    `${each.tenSteps.p50Ms.median} / ${each.tenSteps.p99Ms.median}`,
    text(each.ping.executionsPerSecond),
    String(Math.round(each.processesDuringChain10.reduce((sum, process) => sum + process.memoryMiB, 0))),
    each.problem ?? '',
  ]);
  type Ratios = { readonly peer: string } & Readonly<Record<'chain10StepsPerSecond' | 'pingExecutionsPerSecond' | 'tenStepsP50' | 'tenStepsP99', Spread | undefined>>;
  const ratios = (report['ratios'] as readonly Ratios[]).map((each) => [`millrace : ${each.peer}`, text(each.chain10StepsPerSecond), text(each.tenStepsP50), text(each.tenStepsP99), text(each.pingExecutionsPerSecond)]);
  const lines = [
    table(['engine', 'chain-10 steps/s (in flight)', 'ten steps at 10 in flight, p50 / p99 ms', 'ping executions/s', 'MiB', ''], rows),
    table(['times as fast (least / median / most)', 'chain-10', 'ten steps p50', 'ten steps p99', 'ping'], ratios),
    ...(report['missing'] as readonly { readonly engine: string; readonly reason: string }[]).map(({ engine, reason }) => `left out: ${engine}: ${reason}`),
  ];
  return lines.join('\n');
}

function text(spread: Spread | undefined): string {
  return spread === undefined ? '-' : `${spread.min} / ${spread.median} / ${spread.max}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n').concat('\n');
}
