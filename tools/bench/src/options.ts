/**
 * The command line of the benchmarks, read and checked as a whole: everything that is wrong is told at once.
 *
 * A number that a work has no use for is refused rather than passed over, so that nobody believes it counted.
 */
import { parseArgs } from 'node:util';
import { SERVICES, isServiceName, type ServiceName } from '@millrace/cluster';

/** What every work takes. */
export interface BenchOptions {
  readonly inFlight: number;
  /** Of one round. */
  readonly seconds: number;
  readonly rounds: number;
  /** A service to profile (`--cpu-prof`). */
  readonly profile: ServiceName | undefined;
  readonly json: boolean;
  /** Rounds of one minute each, in place of `seconds` and `rounds`; undefined: as those say. */
  readonly minutes: number | undefined;
  /** Added to every fsync and fdatasync of the servers, in milliseconds. */
  readonly fsyncDelayMs: number;
  readonly natsServers: number;
  /** Executions that sleep in the background during the second half of the run. */
  readonly waiting: number;
  /** How long each service is away in `outage`. */
  readonly awaySeconds: number;
  /** Executions of `sleepers`, and those of them that come due within one minute; 0: one in ten, 100,000 at most. */
  readonly count: number;
  readonly due: number;
  /** How long MongoDB is away in `long-outage`, and the steps a second that go on meanwhile. */
  readonly mongoMinutes: number;
  readonly rate: number;
  /** Distinct definitions of `mixed`. */
  readonly definitions: number;
  /** Names after the command: the engines of `compare`, the service of `profile`. */
  readonly names: readonly string[];
}

export interface CommandLine {
  readonly command: string;
  readonly options: BenchOptions;
}

/** What the command line may say beside the work. */
export interface WorkRules {
  /** Where no `--inflight` is given. */
  readonly inFlight: number;
  /** Whether names may follow the command. */
  readonly named?: boolean;
  /** Options of this work alone, by their names on the command line. */
  readonly takes?: readonly WorkOption[];
}

export type WorkOption = 'count' | 'due' | 'mongo-minutes' | 'rate' | 'minutes' | 'waiting' | 'away-seconds' | 'definitions' | 'fsync-delay-ms' | 'nats-servers' | 'profile';

export type ReadCommandLine = { readonly kind: 'read'; readonly line: CommandLine } | { readonly kind: 'refused'; readonly problems: readonly string[] };

/** @param rules of each work, by its name. */
export function readCommandLine(args: readonly string[], rules: Readonly<Record<string, WorkRules>>): ReadCommandLine {
  const problems: string[] = [];
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return { kind: 'refused', problems: [error instanceof Error ? error.message : String(error)] };
  }
  const { values, positionals } = parsed;
  const [command = '', ...names] = positionals;
  const rule = rules[command];
  if (rule === undefined) return { kind: 'refused', problems: [`${command === '' ? 'name a work' : `there is no work ${JSON.stringify(command)}`}; choose one of ${Object.keys(rules).join(', ')}`] };
  if (names.length > 0 && rule.named !== true) problems.push(`${command} takes no names: ${names.join(' ')}`);
  for (const name of ['count', 'due', 'mongo-minutes', 'rate', 'minutes', 'waiting', 'away-seconds', 'definitions', 'fsync-delay-ms', 'nats-servers', 'profile'] as const) {
    if (values[name] !== undefined && rule.takes?.includes(name) !== true) problems.push(`${command} takes no --${name}`);
  }
  const number = (name: Exclude<keyof typeof values, 'json' | 'profile'>, fallback: number, least: number, most: number, whole = true): number => {
    const text = values[name];
    if (text === undefined) return fallback;
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
    problems.push(`--${name} ${text}: expected ${whole ? 'a whole number' : 'a number'} from ${least} to ${most}`);
    return fallback;
  };
  const minutes = number('minutes', 0, 1, 24 * 60);
  if (minutes > 0 && (values.seconds !== undefined || values.rounds !== undefined)) problems.push('--minutes makes rounds of one minute each: leave out --seconds and --rounds');
  const { profile } = values;
  if (profile !== undefined && !isServiceName(profile)) problems.push(`--profile ${profile}: there is no such service; choose one of ${SERVICES.join(', ')}`);
  const options: BenchOptions = {
    inFlight: number('inflight', rule.inFlight, 1, 100_000),
    seconds: minutes > 0 ? 60 : number('seconds', 10, 0.5, 86_400, false),
    rounds: minutes > 0 ? minutes : number('rounds', 3, 1, 1_000),
    profile: profile !== undefined && isServiceName(profile) ? profile : undefined,
    json: values.json,
    minutes: minutes > 0 ? minutes : undefined,
    fsyncDelayMs: number('fsync-delay-ms', 0, 0, 1_000, false),
    natsServers: number('nats-servers', 1, 1, 5),
    waiting: number('waiting', 0, 1, 10_000_000),
    awaySeconds: number('away-seconds', 60, 1, 86_400),
    count: number('count', 100_000, 100, 10_000_000),
    due: number('due', 0, 1, 1_000_000),
    mongoMinutes: number('mongo-minutes', 60, 0.1, 24 * 60, false),
    rate: number('rate', 2_000, 1, 1_000_000),
    definitions: number('definitions', 20_000, 600, 1_000_000),
    names,
  };
  return problems.length === 0 ? { kind: 'read', line: { command, options } } : { kind: 'refused', problems };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      inflight: { type: 'string' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      json: { type: 'boolean', default: false },
      profile: { type: 'string' },
      minutes: { type: 'string' },
      'fsync-delay-ms': { type: 'string' },
      'nats-servers': { type: 'string' },
      waiting: { type: 'string' },
      'away-seconds': { type: 'string' },
      definitions: { type: 'string' },
      count: { type: 'string' },
      due: { type: 'string' },
      'mongo-minutes': { type: 'string' },
      rate: { type: 'string' },
    },
  });
}
