/**
 * What a command is, and how its arguments are read.
 *
 * Owns the form of options and the messages about wrong ones. Does not own what commands do.
 */
import { parseArgs } from 'node:util';
import type { Terminal } from './terminal.ts';

/** Wrong usage; the message says what to do, and the command's synopsis is shown with it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface OptionSpecification {
  readonly type: 'flag' | 'text' | 'texts';
  /** How its value is called in the help. */
  readonly value?: string;
  readonly help: string;
}

export interface Arguments {
  readonly positionals: readonly string[];
  /** The last value of an option. */
  text(name: string): string | undefined;
  /** All values of an option that may come several times. */
  texts(name: string): readonly string[];
  flag(name: string): boolean;
  /** `--output json` was asked for. */
  readonly json: boolean;
}

export interface Command {
  readonly name: string;
  /** Its arguments, as the help shows them. */
  readonly synopsis: string;
  readonly summary: string;
  readonly options: Readonly<Record<string, OptionSpecification>>;
  readonly positionals: { readonly least: number; readonly most: number };
  /** Not shown in the help. */
  readonly hidden?: true;
  /** Returns the exit status; failures are thrown. */
  run(given: Arguments, terminal: Terminal): Promise<number>;
}

export const OUTPUT_OPTION = { output: { type: 'text', value: 'text|json', help: 'form of what is printed' } } as const satisfies Record<string, OptionSpecification>;
export const DATA_OPTION = { data: { type: 'text', value: 'DIR', help: 'data folder (.millrace)' } } as const satisfies Record<string, OptionSpecification>;
/** Of every command that speaks to a gateway. */
export const GATEWAY_OPTIONS = {
  ...DATA_OPTION,
  org: { type: 'text', value: 'ORG', help: 'organisation, with an operator key (default)' },
  ...OUTPUT_OPTION,
} as const satisfies Record<string, OptionSpecification>;

/** @throws UsageError */
export function parseArguments(command: Command, words: readonly string[]): Arguments {
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, { type }]) => [name, { type: type === 'flag' ? ('boolean' as const) : ('string' as const), multiple: type === 'texts' }]),
  );
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(firstSentence((error as Error).message), { cause: error });
  }
  const { values, positionals } = parsed;
  const { least, most } = command.positionals;
  if (positionals.length < least) throw new UsageError(`${command.name} needs ${command.synopsis.split(' ').find((word) => /^[A-Z]/.test(word)) ?? 'an argument'}`);
  if (positionals.length > most) throw new UsageError(`${command.name} does not take ${positionals[most]}`);
  const output = values['output'];
  if (output !== undefined && output !== 'json' && output !== 'text') throw new UsageError(`--output is text or json, not ${String(output)}`);
  return {
    positionals,
    text: (name) => values[name] as string | undefined,
    texts: (name) => (values[name] as readonly string[] | undefined) ?? [],
    flag: (name) => values[name] === true,
    json: output === 'json',
  };
}

/** parseArgs goes on to explain its own rules. */
function firstSentence(message: string): string {
  return (message.split(/\. |\n/, 1)[0] ?? message).replace(/\.$/, '');
}

/** The usage of one command. */
export function helpOf(command: Command): string {
  const lines = Object.entries(command.options).map(([name, { value, type, help }]) => {
    const left = `--${name}${value === undefined ? '' : ` ${value}`}${type === 'texts' ? ' …' : ''}`;
    return `  ${left.padEnd(28)} ${help}`;
  });
  return `Usage: millrace ${command.name}${command.synopsis === '' ? '' : ` ${command.synopsis}`}\n\n${command.summary}.\n${lines.length === 0 ? '' : `\n${lines.join('\n')}\n`}`;
}
