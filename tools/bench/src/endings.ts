/**
 * What a run has started and has to end, whatever happens: the last started ends first, each once.
 *
 * SIGINT and SIGTERM end everything too; a second signal does not wait any longer, unless it is the same one once more:
 * a group's signal reaches this process by itself, through npm and through the script that started it.
 */

/** Signals within so many milliseconds after the first are that one. */
const SAME_SIGNAL_MS = 2_000;

export interface Endings {
  /** Registers an ending; what it returns runs it now, instead of later. */
  add(end: () => Promise<void> | void): () => Promise<void>;
  /** Ends everything that is left. An ending that fails is told and does not keep the others. */
  all(): Promise<void>;
}

export function createEndings(report: (line: string) => void): Endings {
  const left: (() => Promise<void>)[] = [];
  let ending: Promise<void> | undefined;

  async function drain(): Promise<void> {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      try {
        await next();
      } catch (error) {
        report(`bench: something did not end as it should: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  return {
    add(end) {
      const once = async (): Promise<void> => {
        const index = left.indexOf(once);
        if (index >= 0) left.splice(index, 1);
        await end();
      };
      left.push(once);
      return async () => {
        if (left.includes(once)) await once();
      };
    },
    async all() {
      ending ??= drain();
      await ending;
      ending = undefined;
    },
  };
}

/** Ends everything at SIGINT or SIGTERM, then the process, with the status that shells expect. */
export function endAtSignals(endings: Endings): void {
  let askedAtMs: number | undefined;
  for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
    process.on(signal, () => {
      if (askedAtMs !== undefined) {
        if (performance.now() - askedAtMs > SAME_SIGNAL_MS) process.exit(status);
        return;
      }
      askedAtMs = performance.now();
      process.stderr.write('bench: ending what was started\n');
      void endings.all().finally(() => process.exit(status));
    });
  }
}
