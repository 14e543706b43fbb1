/** One line that says how far everything is; on a terminal it is written over itself. */

/** Without a terminal, a line at most this often, in milliseconds. */
const LINE_EACH_MS = 2_000;

export interface ProgressOutput {
  readonly isTTY: boolean;
  write(text: string): void;
}

export interface Progress {
  show(line: string): void;
  /** Leaves the last line standing. */
  end(): void;
}

export function createProgress(output: ProgressOutput, now: () => number = () => performance.now()): Progress {
  let last = '';
  let shownAt = -Infinity;
  let shown = '';
  const write = (): void => {
    output.write(output.isTTY ? `\r\u001b[2K${last}` : `${last}\n`);
    shown = last;
    shownAt = now();
  };
  return {
    show(line) {
      last = line;
      if (line === shown || (!output.isTTY && now() - shownAt < LINE_EACH_MS)) return;
      write();
    },
    end() {
      if (last !== shown) write();
      if (output.isTTY && last !== '') output.write('\n');
      last = '';
      shown = '';
      shownAt = -Infinity;
    },
  };
}
