/** A dead letter (a message that no service could read) as a JSON document. */
import type { DeadLetterView } from '@millrace/contracts/gateway/v1/gateway';
import { isoTime } from './value.ts';

export interface DeadLetterDocument {
  readonly letter: string;
  /** The stream that it came on, and its subject there: where it is sent again. */
  readonly stream: string;
  readonly subject: string;
  /** Why it could not be read. */
  readonly reason: string;
  readonly keptAt: string | null;
  readonly text: string;
}

export interface DeadLetterListDocument {
  readonly letters: readonly DeadLetterDocument[];
  /** Where the list goes on; null at its end. */
  readonly cursor: string | null;
}

export function deadLetterDocument({ letter, stream, subject, reason, keptAtMs, text }: DeadLetterView): DeadLetterDocument {
  return { letter, stream, subject, reason, keptAt: isoTime(keptAtMs), text };
}

export function deadLetterListDocument(list: { readonly letters: readonly DeadLetterView[]; readonly cursor: string }): DeadLetterListDocument {
  return { letters: list.letters.map(deadLetterDocument), cursor: list.cursor === '' ? null : list.cursor };
}
