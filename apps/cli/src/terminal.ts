/** What a command has of the outside: where it writes and reads, the environment, the folder it was called in. */

export interface Terminal {
  /** To standard output; the text brings its own line ends. */
  readonly write: (text: string) => void;
  /** To standard error. */
  readonly writeError: (text: string) => void;
  /** All of standard input. */
  readonly readInput: () => Promise<string>;
  /** Asks who sits there and yields the line they type; absent where nobody does. */
  readonly ask?: (question: string) => Promise<string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The folder that relative names start from. */
  readonly directory: string;
  /** Width in characters. */
  readonly columns: number;
  /** The Node that runs this, to start others with. */
  readonly node: string;
  readonly nodeVersion: string;
  readonly pid: number;
  /** Aborted by Ctrl-C and by SIGTERM. */
  readonly interrupted: AbortSignal;
  /** Where this process tells the one that started it what becomes of it; only under `up --detach`. */
  readonly tellParent?: (message: unknown) => void;
}

/** One JSON document, indented for reading. */
export function writeJson(terminal: Pick<Terminal, 'write'>, document: unknown): void {
  terminal.write(`${JSON.stringify(document, undefined, 2)}\n`);
}
