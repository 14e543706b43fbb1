/** Where a delivered message stands, from its reply subject: `$JS.ACK.…`, in its short and its long form (NATS ADR-15). */
export interface ConsumerPosition {
  readonly streamSequence: number;
  readonly consumerSequence: number;
  readonly pending: number;
}

/** Undefined for a reply subject that is none. */
export function parsePosition(reply: string): ConsumerPosition | undefined {
  const tokens = reply.split('.');
  const at = tokens.length === 9 ? 5 : tokens.length >= 11 ? 7 : -1;
  if (at < 0 || tokens[0] !== '$JS' || tokens[1] !== 'ACK') return undefined;
  return { streamSequence: Number(tokens[at]), consumerSequence: Number(tokens[at + 1]), pending: Number(tokens[at + 3]) };
}
