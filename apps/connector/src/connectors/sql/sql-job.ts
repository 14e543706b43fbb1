/** What the service and its SQL threads say to each other. */
import type { JsonValue } from '../../manifest.ts';

export interface SqlJob {
  readonly number: number;
  readonly kind: 'query' | 'execute';
  /** Absolute path. */
  readonly file: string;
  readonly statement: string;
  readonly parameters: readonly JsonValue[] | { readonly [name: string]: JsonValue } | undefined;
  readonly rowsMax: number;
  readonly bytesMax: number;
}

export type SqlProblemKind =
  /** The statement or its parameters are wrong. */
  | 'invalid'
  /** A constraint of the schema was violated. */
  | 'constraint'
  /** Not allowed here: another file, a transaction, most pragmas, writing in a query. */
  | 'denied'
  /** The file was locked by somebody for longer than the busy time. */
  | 'busy'
  | 'cannot-open'
  /** The result is larger than a limit. */
  | 'too-large'
  /** The disk failed: whether a change is durable is not known. */
  | 'failed';

export type SqlReply =
  | { readonly number: number; readonly kind: 'rows'; readonly rows: readonly Readonly<Record<string, JsonValue>>[] }
  | { readonly number: number; readonly kind: 'changed'; readonly changes: number; readonly lastInsertRowid: number | string }
  | { readonly number: number; readonly kind: 'problem'; readonly problem: SqlProblemKind; readonly message: string };
