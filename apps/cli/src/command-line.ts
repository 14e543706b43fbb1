/**
 * From the words of the command line to an exit status.
 *
 * Owns the help, and how failures are told: one sentence and what to do on standard error, and with `--output json`
 * also a problem document on standard output.
 */
import { MillraceError, problemOf, type ProblemDocument } from '@millrace/errors';
import { helpOf, parseArguments, UsageError, type Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { EXIT } from './exit-status.ts';
import { writeJson, type Terminal } from './terminal.ts';
import { VERSION } from './version.ts';

const HELP_WORDS: ReadonlySet<string> = new Set(['help', '--help', '-h']);

export async function runCommandLine(words: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined || HELP_WORDS.has(name)) {
    const command = COMMANDS.find((each) => each.name === rest[0]);
    (name === undefined ? terminal.writeError : terminal.write)(command === undefined ? overview() : helpOf(command));
    return name === undefined ? EXIT.failed : EXIT.ok;
  }
  if (name === '--version' || name === 'version') {
    terminal.write(`${VERSION}\n`);
    return EXIT.ok;
  }
  const command = COMMANDS.find((each) => each.name === name);
  if (command !== undefined && rest.some((word) => word === '--help' || word === '-h')) {
    terminal.write(helpOf(command));
    return EXIT.ok;
  }
  try {
    if (command === undefined) throw new UsageError(`there is no command ${name}; \`millrace help\` lists them`);
    return await command.run(parseArguments(command, rest), terminal);
  } catch (error) {
    return tell(error, command, asksForJson(rest), terminal);
  }
}

function tell(error: unknown, command: Command | undefined, json: boolean, terminal: Terminal): number {
  if (error instanceof UsageError) {
    if (json) writeJson(terminal, problemOf(new MillraceError('argument-invalid', { message: error.message })));
    terminal.writeError(`millrace: ${error.message}.\n${command === undefined ? '' : `Usage: millrace ${command.name} ${command.synopsis}\n`}`);
    return EXIT.failed;
  }
  const failure = MillraceError.from(error);
  if (json) writeJson(terminal, problemOf(failure) satisfies ProblemDocument);
  terminal.writeError(`millrace: ${failure.message}${/[.!?\n]$/.test(failure.message) ? '' : '.'}\n`);
  // A defect of the command line itself: where it is says more than its message.
  if (failure.reason === 'internal' && error instanceof Error && error.stack !== undefined) terminal.writeError(`${error.stack}\n`);
  return EXIT.failed;
}

/** Also when the words could not be parsed. */
function asksForJson(words: readonly string[]): boolean {
  return words.some((word, index) => word === '--output=json' || (word === '--output' && words[index + 1] === 'json'));
}

function overview(): string {
  const lines = COMMANDS.filter((command) => command.hidden !== true).map((command) => `  ${command.name.padEnd(10)} ${command.summary.split('. ')[0]}`);
  return `Usage: millrace COMMAND [ARGUMENTS]

${lines.join('\n')}

\`millrace COMMAND --help\` says more. What prints takes --output json.
The cluster is found by .millrace in this folder (--data), or MILLRACE_GATEWAY and MILLRACE_KEY.
`;
}
