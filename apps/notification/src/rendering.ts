/**
 * The rendering stage: scheduled deliveries whose time has come get their text.
 *
 * Rendering touches nothing outside, so a crash in between costs nothing but the work.
 */
import { randomUUID } from 'node:crypto';
import { BUILT_IN_TEMPLATES, renderMessage, type Rendering } from '@millrace/delivery';
import { proposeAll, type Deciding, type Proposal } from './changes.ts';
import type { DeliveryRecord, MessageSource } from './ports.ts';
import type { Round } from './stage.ts';

/** Deliveries rendered in one round. */
export const RENDER_BATCH_MAX = 200;

/** One round: claim, render, store. */
export async function renderDue(owner: string, deciding: Deciding): Promise<Round> {
  const due = await deciding.store.due(['scheduled'], deciding.now(), RENDER_BATCH_MAX);
  if (due.length === 0) return 'idle';
  const claimed = await proposeAll(
    due.map((record) => ({ record, event: { kind: 'claim', owner, token: randomUUID() } })),
    deciding,
  );
  await proposeAll(
    claimed.flatMap(({ record, commands }) => commands.flatMap((command) => (command.kind === 'render' ? [rendered(record, command.token)] : []))),
    deciding,
  );
  return 'more';
}

function rendered(record: DeliveryRecord, token: string): Proposal {
  const rendering = render(record.source);
  if (rendering.kind === 'failed') return { record, event: { kind: 'render-failed', token, detail: rendering.detail } };
  return { record, event: { kind: 'rendered', token }, message: rendering.message };
}

function render(source: MessageSource | undefined): Rendering {
  if (source === undefined) return { kind: 'failed', detail: 'nothing was given to render' };
  if (source.kind === 'invalid') return { kind: 'failed', detail: `the request was not valid: ${source.detail}` };
  const template = typeof source.template === 'string' ? BUILT_IN_TEMPLATES.get(source.template) : source.template;
  if (template === undefined) return { kind: 'failed', detail: `there is no template of the name "${String(source.template)}"` };
  return renderMessage(template, source.data);
}
