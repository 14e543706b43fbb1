/**
 * What an SMTP exchange means for a delivery (RFC 5321 sections 4.2 and 4.5.4, RFC 3463 for enhanced codes).
 *
 * Owns: the table from answer and phase to verdict.
 * Does not own: talking to the server, and what follows from a verdict (transition.ts).
 */

/** How far the exchange had come. A refusal before `recipient` says something about us or the server, not the message. */
export type SmtpPhase = 'connection' | 'authentication' | 'sender' | 'recipient' | 'content';

/** How one attempt ended, as the adapter saw it. */
export type SmtpAnswer =
  /** 250 to the message. */
  | { readonly kind: 'accepted'; readonly response: string }
  /** A 4xx or 5xx answer. */
  | { readonly kind: 'refused'; readonly code: number; readonly response: string; readonly phase: SmtpPhase }
  /** No answer, and the final dot had not been given to the connection: the server cannot have taken the message. */
  | { readonly kind: 'lost-before-end'; readonly message: string }
  /** No answer after the final dot: the server may have taken it or not. */
  | { readonly kind: 'lost-after-end'; readonly message: string }
  /** The message itself cannot be written, by no server's word. */
  | { readonly kind: 'unsendable'; readonly message: string };

/** What an attempt came to. `detail` is for people: the server's own words where there are any. */
export interface Verdict {
  readonly kind: 'sent' | 'deferred' | 'bounced' | 'failed' | 'unknown';
  readonly detail: string;
}

/** Longest detail that is kept, in characters; servers may answer whole paragraphs. */
export const DETAIL_CHARS_MAX = 500;

/** Exceptions among the 5xx answers: what they refuse is not the message for good. */
const TEMPORARY_5XX: ReadonlyMap<number, string> = new Map([
  // RFC 5321 section 4.5.3.1.10: older servers say "too many recipients" so, and it is to be treated as 452.
  [552, 'recipient'],
  // The session was in the wrong state; another one may be right.
  [503, 'any'],
]);

/** RFC 3463: X.1.* is an address that cannot be, X.2.* a mailbox that does not take mail. */
const ENHANCED_BOUNCE = /^5\d\d[ -]5\.(1|2)\.\d{1,3}\b/;

/** The verdict on one attempt. */
export function classify(answer: SmtpAnswer): Verdict {
  switch (answer.kind) {
    case 'accepted':
      return verdict('sent', answer.response);
    case 'lost-before-end':
      return verdict('deferred', answer.message);
    case 'lost-after-end':
      return verdict('unknown', answer.message);
    case 'unsendable':
      return verdict('failed', answer.message);
    case 'refused':
      return verdict(refusal(answer.code, answer.phase, answer.response), answer.response);
  }
}

function refusal(code: number, phase: SmtpPhase, response: string): Verdict['kind'] {
  if (code < 500 || code > 599) return 'deferred';
  if (phase === 'connection' || phase === 'authentication') return 'deferred';
  const exception = TEMPORARY_5XX.get(code);
  if (exception === 'any' || exception === phase) return 'deferred';
  if (phase === 'recipient' || ENHANCED_BOUNCE.test(response)) return 'bounced';
  return 'failed';
}

function verdict(kind: Verdict['kind'], detail: string): Verdict {
  const line = detail.replace(/\s+/g, ' ').trim();
  return { kind, detail: line.length > DETAIL_CHARS_MAX ? `${line.slice(0, DETAIL_CHARS_MAX - 1)}…` : line };
}
