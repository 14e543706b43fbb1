/** What passes between the connector service and the threads that run scripts. */

export type ScriptLanguage = 'javascript' | 'python';

export interface ScriptJob {
  readonly number: number;
  readonly code: string;
  /** After the interpreter's name and the script's. */
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly limits: ScriptLimits;
}

export interface ScriptLimits {
  /** Most time from the first instruction to the last, milliseconds. */
  readonly timeMsMax: number;
  /** Most memory of the interpreter and what it runs, bytes. */
  readonly memoryBytesMax: number;
  /** Most that it may write, both streams together, characters. */
  readonly outputCharactersMax: number;
}

/** Which limit ended a script; `internal`: the interpreter itself broke. */
export type ScriptProblem = 'time' | 'memory' | 'output' | 'internal';

export type ScriptReply =
  | { readonly number: number; readonly kind: 'exited'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly number: number; readonly kind: 'stopped'; readonly problem: ScriptProblem; readonly detail: string };

/** What a thread that has loaded its interpreter says first. */
export interface ScriptThreadReady {
  readonly kind: 'ready';
}
