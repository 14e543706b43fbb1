/** What the trigger needs from outside. */
import type { Reply } from '@millrace/engine';

/** The durable inputs of the lanes. */
export interface LaneLog {
  /**
   * Appends one message to the lane's inputs; resolves once it is on disk. The same `messageId` twice is one message.
   * `traceparent` is the trace of a message that has one alone; every input inside carries its own.
   *
   * @throws MillraceError `bus-failed` when it is unknown whether the message landed, `log-budget-exceeded` when the lane's inputs are full.
   */
  append(lane: number, message: Uint8Array, messageId: string, traceparent?: string): Promise<void>;
  /** The most bytes a message can have at the moment. */
  messageBytesMax(): number;
}

/** Where orchestrators send the end of an execution that a request waits for. */
export interface ReplyInbox {
  /** A subject for one reply. `onReply` is called at most once; with nothing when the inbox closes. */
  open(onReply: (reply: Reply | undefined) => void): { readonly subject: string; close(): void };
  close(): void;
}
