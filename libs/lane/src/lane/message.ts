/** What a lane's mailbox holds. */
import type { ApprovalAct, ApprovalOrder, CloudEvent, AdoptedSlots, Operator, OperatorAct, LaneInput, Payload, Program, ReleasedSlots, RerunOrigin, StepResult } from '@millrace/engine';
import type { SlotMove } from '@millrace/identity';
import type { Watcher } from './actor.ts';
import type { MovedState } from './moved-state.ts';
import type { Woken } from './sleepers.ts';

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
  /** Made from another execution by hand: the link to that, and what is taken over. */
  readonly rerun?: { readonly origin: RerunOrigin; readonly reuse: Payload };
  /** Why the execution faults at once: its workflow is not there, say. */
  readonly fault?: string;
  /** Where it came from, unless a caller waits for the answer. */
  readonly origin?: InputOrigin | undefined;
}

/** An input as it stands in `in.<lane>`: sent on when its slot has left the lane. */
export interface InputOrigin {
  /** Of the message. */
  readonly sequence: number;
  readonly input: LaneInput;
}

/** What became of a request to cancel or to operate; `elsewhere`: the slot is not of this lane, or the lane has left. */
export type Cancelled = 'found' | 'unknown' | 'elsewhere';

export type Message =
  | StartMessage
  | { readonly kind: 'attach'; readonly execution: string; readonly watcher: Watcher }
  | { readonly kind: 'result'; readonly execution: string; readonly result: StepResult; readonly durable: () => void; /** The lane has left before the result was durable. */ readonly moved?: () => void }
  /** `refused`: its execution sleeps and could not be read; a key of the catalogue of errors, and a sentence. */
  | { readonly kind: 'cancel'; readonly organisation: string; readonly execution: string; readonly answer: ((outcome: Cancelled) => void) | undefined; readonly refused?: (reason: string, message: string) => void; readonly origin?: InputOrigin }
  /** Somebody operates it; `answer` and `refused` as of `cancel`. */
  | { readonly kind: 'operate'; readonly act: OperatorAct; readonly operator: Operator; readonly organisation: string; readonly execution: string; readonly answer: (outcome: Cancelled) => void; readonly refused: (reason: string, message: string) => void }
  /** Somebody acts on an approval of it; `answer` and `refused` as of `cancel`. */
  | { readonly kind: 'approval'; readonly act: ApprovalAct; readonly operator: Operator; readonly order: ApprovalOrder; readonly organisation: string; readonly execution: string; readonly answer: (outcome: Cancelled) => void; readonly refused: (reason: string, message: string) => void }
  /** A workflow that a task runs has ended. */
  | { readonly kind: 'child'; readonly execution: string; readonly result: StepResult; readonly origin: InputOrigin }
  /** An event for every execution here that listens for it. */
  | { readonly kind: 'event'; readonly organisation: string; readonly event: CloudEvent }
  /** A timer may have run out. */
  | { readonly kind: 'due'; readonly execution: string; readonly activation: number }
  /** More is ready than one turn took, or the permit to begin has come. */
  | { readonly kind: 'go'; readonly execution: string }
  /** What was read of sleeping executions. */
  | { readonly kind: 'woken'; readonly woken: Woken }
  /** Every input up to this sequence has gone through the mailbox. */
  | { readonly kind: 'position'; readonly inputSequence: number }
  /** Gives slots away; `done` hears what the log says of it, or undefined when none of them is of this lane. A frame of its own. */
  | { readonly kind: 'release'; readonly id: string; readonly move: SlotMove; readonly done: (marker: ReleasedSlots | undefined) => void }
  /** Takes slots that another lane gave away. A frame of its own. */
  | { readonly kind: 'adopt'; readonly marker: AdoptedSlots; readonly state: MovedState; readonly done: () => void }
  /** Runs when everything before it is durable, and nothing after it has been decided: what it sees is what the log says (E1). */
  | { readonly kind: 'query'; readonly run: () => void }
  /** Runs when everything before it is durable. */
  | { readonly kind: 'later'; readonly run: () => void };

/** Whether decisions wait for the message's effects. */
export function isExact({ kind }: Message): boolean {
  return kind === 'query' || kind === 'woken';
}

/** Whether the message is a frame of its own. */
export function isMove(message: Message): message is Extract<Message, { kind: 'release' | 'adopt' }> {
  return message.kind === 'release' || message.kind === 'adopt';
}

/** Tells whoever waits for the message. Whether the frame of a start that is refused here became durable is not known; its id makes another try the same start. */
export function refuse(message: Message, reason: string, because: string): void {
  if ((message.kind === 'start' || message.kind === 'attach') && message.watcher !== undefined) message.watcher.refused(reason, because);
  if (message.kind === 'cancel') {
    if (message.refused === undefined) message.answer?.('elsewhere');
    else message.refused(reason, because);
  }
  if (message.kind === 'operate' || message.kind === 'approval') message.refused(reason, because);
  if (message.kind === 'result') message.moved?.();
}
