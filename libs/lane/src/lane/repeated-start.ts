/** A start that came before: whoever sends it again is joined to the execution that it began. */
import type { Logger } from '@millrace/telemetry';
import { replyOf, type Watcher } from './actor.ts';
import type { StartMessage } from './message.ts';
import type { LanePorts } from './ports.ts';

/** What a lane knows of an execution that it is asked to start. */
export interface KnownStart {
  /** The input is the one it was started with. */
  readonly isSame: boolean;
  /** Where its end goes anyway. */
  readonly replyTo: string | undefined;
}

/** Tells whoever sent it; `attach` joins a watcher to the execution, running or ended. */
export function answerAgain({ execution: id, watcher, replyTo }: StartMessage, known: KnownStart, attach: (id: string, watcher: Watcher) => void, ports: LanePorts, logger: Logger): void {
  const told = watcher ?? (replyTo === undefined || replyTo === known.replyTo ? undefined : replier(id, replyTo, ports, logger));
  if (told === undefined) return;
  if (!known.isSame) {
    told.refused('idempotency-conflict', `The key of execution ${id} was used before with another input`);
    return;
  }
  told.accepted(id, true);
  if (told.waits) attach(id, told);
}

/** Sends the end to a reply subject. */
function replier(id: string, subject: string, ports: LanePorts, logger: Logger): Watcher {
  return {
    waits: true,
    accepted: () => undefined,
    ended: (_, end) => ports.reply(subject, replyOf(id, end)),
    refused(reason, detail) {
      if (reason === 'idempotency-conflict') ports.reply(subject, { execution: id, status: 'refused', reason, error: { type: `https://millrace.dev/errors/${reason}`, status: 409, detail } });
      // Ended and forgotten here: history knows. A lane that leaves says nothing; the caller's wait ends by itself.
      if (reason !== 'execution-unknown') return;
      ports.endOf(id).then(
        (end) => end !== undefined && ports.reply(subject, replyOf(id, end)),
        (error: unknown) => logger.warn('The end of an execution could not be read for a reply', { execution: id, error }),
      );
    },
  };
}
