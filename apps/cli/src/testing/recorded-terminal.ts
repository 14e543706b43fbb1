/** A terminal whose output is kept, for tests of commands in this process. */
import type { Terminal } from '../terminal.ts';

export interface RecordedTerminal extends Terminal {
  /** What went to standard output so far. */
  output(): string;
  /** What went to standard error so far. */
  errors(): string;
}

export function recordedTerminal(over: Partial<Terminal> = {}): RecordedTerminal {
  let written = '';
  let failed = '';
  return {
    write: (text) => void (written += text),
    writeError: (text) => void (failed += text),
    readInput: () => Promise.resolve(''),
    environment: {},
    directory: import.meta.dirname,
    columns: 120,
    node: process.execPath,
    nodeVersion: process.versions.node,
    pid: process.pid,
    interrupted: new AbortController().signal,
    ...over,
    output: () => written,
    errors: () => failed,
  };
}
