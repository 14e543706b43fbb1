/**
 * Dead letters as people and programs see them: each organisation its own, operators also those of nobody.
 *
 * Owns who may see which. Does not own where they are kept (`@millrace/bus`).
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { DeadLetters as KeptLetters } from '@millrace/bus';
import type { DeadLetterView, ListDeadLettersResponse } from '@millrace/contracts/gateway/v1/gateway';
import type { Logger } from '@millrace/telemetry';
import { operatorOf, requireOperator, type Caller } from './principal.ts';

/** How often the number of letters is read for the metric, in milliseconds. */
export const COUNT_EACH_MS = 10_000;

export interface DeadLetterReference {
  readonly letter: string;
  /** Of nobody, as far as could be read; for operators. */
  readonly unowned: boolean;
}

export interface DeadLetters {
  list(caller: Caller, query: { readonly unowned: boolean; readonly cursor: string; readonly limit: number }): Promise<ListDeadLettersResponse>;
  get(caller: Caller, reference: DeadLetterReference): Promise<DeadLetterView>;
  /** @param text in place of its own. */
  requeue(caller: Caller, reference: DeadLetterReference, text: string | undefined): Promise<DeadLetterView>;
  remove(caller: Caller, reference: DeadLetterReference): Promise<void>;
}

export function createDeadLetterDesk(kept: KeptLetters, logger: Logger): DeadLetters {
  const whose = (caller: Caller, unowned: boolean): string | undefined => {
    if (!unowned) return caller.organisation;
    requireOperator(caller, 'Looking at dead letters of nobody');
    return undefined;
  };
  const viewOf = ({ id, ...letter }: Awaited<ReturnType<KeptLetters['get']>>): DeadLetterView => ({ letter: id, ...letter });
  const note = (what: string, caller: Caller, { letter, unowned }: DeadLetterReference, edited: boolean): void => logger.info('A dead letter was dealt with', { what, by: operatorOf(caller), organisation: unowned ? '' : caller.organisation, letter, edited });
  return {
    async list(caller, { unowned, cursor, limit }) {
      const page = await kept.list(whose(caller, unowned), cursor, limit);
      return { letters: page.letters.map(viewOf), cursor: page.cursor };
    },
    get: async (caller, { letter, unowned }) => viewOf(await kept.get(whose(caller, unowned), letter)),
    async requeue(caller, reference, text) {
      const sent = await kept.requeue(whose(caller, reference.unowned), reference.letter, text);
      note('requeue', caller, reference, text !== undefined);
      return viewOf(sent);
    },
    async remove(caller, reference) {
      await kept.remove(whose(caller, reference.unowned), reference.letter);
      note('remove', caller, reference, false);
    },
  };
}

/** Says again and again how many letters there are, until `signal` aborts. What is not known is told when it is again. */
export async function countLetters(kept: Pick<KeptLetters, 'count'>, tell: (count: number) => void, signal: AbortSignal, logger: Logger): Promise<void> {
  while (!signal.aborted) {
    try {
      tell(await kept.count());
    } catch (error) {
      logger.debug('Dead letters were not counted', { error });
    }
    await delay(COUNT_EACH_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
