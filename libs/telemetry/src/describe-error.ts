/** How an error looks in a log line: its class, message, catalogue entry, stack and causes. */
import { MillraceError } from '@millrace/errors';

/** Causes are followed this deep; a chain may be a cycle. */
const CAUSE_DEPTH_MAX = 5;

/** An error as a plain object for JSON. */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return String(error);
  const catalogued = error instanceof MillraceError;
  return {
    name: error.name,
    message: error.message,
    ...(catalogued ? { code: error.code, reason: error.reason } : {}),
    ...(catalogued && Object.keys(error.details).length > 0 ? { details: error.details } : {}),
    // A foreign error's own code (ECONNREFUSED) often says more than its message.
    ...(!catalogued && 'code' in error ? { code: error.code } : {}),
    // One stack is enough to find the place; causes keep theirs out of the line.
    ...(depth === 0 ? { stack: error.stack } : {}),
    ...(error.cause !== undefined && depth < CAUSE_DEPTH_MAX ? { cause: describeError(error.cause, depth + 1) } : {}),
  };
}
