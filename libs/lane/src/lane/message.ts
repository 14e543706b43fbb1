/** What a lane's mailbox holds. */
import type { Payload, Program, StepResult } from '@millrace/engine';
import type { Watcher } from './actor.ts';

export interface StartMessage {
  readonly kind: 'start';
  readonly organisation: string;
  readonly execution: string;
  readonly program: Program;
  readonly input: Payload;
  readonly key: string | undefined;
  readonly traceparent: string | undefined;
  readonly acceptedAtMs: number;
  readonly acceptedBy: string;
  readonly replyTo: string | undefined;
  readonly watcher: Watcher | undefined;
  /** Why the execution faults at once: its workflow is not there, say. */
  readonly fault?: string;
}

export type Message =
  | StartMessage
  | { readonly kind: 'attach'; readonly execution: string; readonly watcher: Watcher }
  | { readonly kind: 'result'; readonly execution: string; readonly result: StepResult; readonly durable: () => void; /** The lane has left before the result was durable. */ readonly moved?: () => void }
  | { readonly kind: 'cancel'; readonly organisation: string; readonly execution: string; readonly answer: ((found: boolean) => void) | undefined }
  /** A timer may have run out. */
  | { readonly kind: 'due'; readonly execution: string; readonly activation: number }
  /** More is ready than one turn took, or the permit to begin has come. */
  | { readonly kind: 'go'; readonly execution: string }
  /** Every input up to this sequence has gone through the mailbox. */
  | { readonly kind: 'position'; readonly inputSequence: number }
  /** Runs when everything before it is durable. */
  | { readonly kind: 'query'; readonly run: () => void };
