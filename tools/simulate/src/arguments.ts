/** What the command is told. */
import { parseArgs } from 'node:util';
import { CHANCES } from './world/world.ts';

export interface Command {
  readonly seed: number;
  readonly steps: number;
  readonly round: number | undefined;
  readonly plant: string | undefined;
  readonly listPlants: boolean;
  readonly shrink: boolean;
  readonly trace: boolean;
  readonly faults: ReadonlySet<number> | undefined;
  readonly executions: ReadonlySet<number> | undefined;
  readonly without: ReadonlySet<(typeof CHANCES)[number]> | undefined;
}

/** Steps of a run that does not say how many. */
export const STEPS_DEFAULT = 200_000;

export const USAGE = `npm run simulate -- [--seed N] [--steps M]
  --seed N         what everything is drawn from; default 1
  --steps M        events of the simulated world; default ${STEPS_DEFAULT}
  --round R        only this round of the seed
  --faults A,B     of its faults only these, by number; none for none
  --executions A,B of its executions only these
  --without C,D    chances that never come true: ${CHANCES.join(', ')}
  --no-shrink      leave a failing round as it is
  --trace          everything that happens, line by line
  --plant NAME     with this defect in the product; found is 0, not found is 1
  --list-plants    names of defects, one a line`;

/** @throws Error in words for the one who typed it. */
export function parseCommand(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      steps: { type: 'string', default: String(STEPS_DEFAULT) },
      round: { type: 'string' },
      plant: { type: 'string' },
      faults: { type: 'string' },
      executions: { type: 'string' },
      without: { type: 'string' },
      'list-plants': { type: 'boolean', default: false },
      shrink: { type: 'boolean', default: true },
      trace: { type: 'boolean', default: false },
    },
    allowNegative: true,
  });
  const without = values.without?.split(',').filter((each) => each !== '');
  for (const each of without ?? []) if (!CHANCES.some((chance) => chance === each)) throw new Error(`--without knows ${CHANCES.join(', ')}, not ${each}`);
  return {
    seed: numberOf('seed', values.seed),
    steps: numberOf('steps', values.steps),
    round: values.round === undefined ? undefined : numberOf('round', values.round),
    plant: values.plant,
    listPlants: values['list-plants'],
    shrink: values.shrink,
    trace: values.trace,
    faults: setOf('faults', values.faults),
    executions: setOf('executions', values.executions),
    without: without === undefined ? undefined : new Set(CHANCES.filter((chance) => without.includes(chance))),
  };
}

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${name} takes a whole number, not ${text}`);
  return number;
}

function setOf(name: string, text: string | undefined): ReadonlySet<number> | undefined {
  if (text === undefined) return undefined;
  return new Set(text === 'none' ? [] : text.split(',').map((each) => numberOf(name, each)));
}
