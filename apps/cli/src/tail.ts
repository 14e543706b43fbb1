/** `millrace tail [ID…]`: what happens to executions, live, one line each. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ExecutionEvent } from '@millrace/contracts/gateway/v1/gateway';
import { isoTime } from '@millrace/documents';
import { MillraceError } from '@millrace/errors';
import { GATEWAY_OPTIONS, type Command } from './command.ts';
import { EXIT } from './exit-status.ts';
import { withGateway } from './with-gateway.ts';

/** Before a stream that broke is opened again, in milliseconds. */
const RETRY_MS = 1_000;

/** Executions that one call follows by id. */
const TAILED_MAX = 100;

export interface EventDocument {
  readonly at: string | null;
  readonly organisation: string;
  readonly execution: string;
  readonly workflow: string;
  readonly kind: string;
  readonly reference: string | null;
  readonly detail: string | null;
}

export function eventDocument(event: ExecutionEvent): EventDocument {
  const orNull = (text: string): string | null => (text === '' ? null : text);
  const { organisation, execution, workflow, kind } = event;
  return { at: isoTime(event.atMs), organisation, execution, workflow, kind, reference: orNull(event.reference), detail: orNull(event.detail) };
}

export function eventLine({ at, organisation, execution, workflow, kind, reference, detail }: EventDocument): string {
  const time = at?.slice(11, 23) ?? '';
  return [time, execution, `${organisation}/${workflow}`, kind, reference, detail].filter((part) => part !== null && part !== '').join('  ');
}

export const tailCommand: Command = {
  name: 'tail',
  synopsis: '[ID…] [--workflow NAME]',
  summary: 'Follow executions live, until Ctrl-C; with --output json one document a line',
  options: { workflow: { type: 'text', value: 'NAME', help: 'only those of this workflow' }, ...GATEWAY_OPTIONS },
  positionals: { least: 0, most: TAILED_MAX },
  async run(given, terminal) {
    const wanted = new Set(given.positionals);
    // The gateway picks one; of several they are picked here.
    const filter = { execution: wanted.size === 1 ? (given.positionals[0] ?? '') : '', workflow: given.text('workflow') ?? '' };
    const show = (event: ExecutionEvent): void => {
      if (wanted.size > 1 && !wanted.has(event.execution)) return;
      const document = eventDocument(event);
      terminal.write(`${given.json ? JSON.stringify(document) : eventLine(document)}\n`);
    };
    await withGateway(given, terminal, async (gateway) => {
      // Wrong keys, and a gateway that is not there, are told at once; one that goes away afterwards is waited for.
      await gateway.list({ status: '', workflow: '', where: '', cursor: '', limit: 1 });
      while (!terminal.interrupted.aborted) {
        try {
          await gateway.tail(filter, show, terminal.interrupted);
        } catch (error) {
          if (!(error instanceof MillraceError) || error.retry.kind === 'never') throw error;
          terminal.writeError('The stream broke; what happens meanwhile is not shown.\n');
          await delay(RETRY_MS, undefined, { signal: terminal.interrupted }).catch(() => undefined);
        }
      }
    });
    return EXIT.ok;
  },
};
