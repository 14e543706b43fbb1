/**
 * The real input: the deliveries of `@octokit/webhooks-examples`, each given to an organisation and an id.
 *
 * The same run gives the same ids, so that a delivery that is sent again is the same one.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import type { Organisation } from './organisations.ts';

interface Payload {
  readonly commits?: readonly { readonly id: string }[];
  readonly issue?: { readonly labels?: readonly { readonly name: string }[] };
  readonly pull_request?: { readonly labels?: readonly { readonly name: string }[] };
}

interface Definition {
  readonly name: string;
  readonly examples: readonly Payload[];
}

export interface Delivery {
  /** What GitHub sends as X-GitHub-Delivery: a UUID. */
  readonly id: string;
  readonly organisation: string;
  readonly event: string;
  /** The body, byte for byte as it is signed and sent. */
  readonly body: string;
  /** Rows that its execution has to write besides its own. */
  readonly commits: number;
  readonly labels: number;
}

/** Events whose labels the workflow keeps. */
const LABELLED_EVENTS: ReadonlySet<string> = new Set(['issues', 'pull_request']);

/** All deliveries; they go round the organisations in turn. */
export function readDeliveries(organisations: readonly Organisation[], run: string): readonly Delivery[] {
  const definitions = createRequire(import.meta.url)('@octokit/webhooks-examples') as readonly Definition[];
  return definitions
    .flatMap(({ name, examples }) => examples.map((payload) => ({ event: name, payload })))
    .map(({ event, payload }, index): Delivery => {
      const labels = LABELLED_EVENTS.has(event) ? ((payload.issue ?? payload.pull_request)?.labels ?? []) : [];
      return {
        id: deliveryId(run, index),
        organisation: organisations[index % organisations.length]?.name ?? '',
        event,
        body: JSON.stringify(payload),
        commits: event === 'push' ? new Set(payload.commits?.map((commit) => commit.id)).size : 0,
        labels: new Set(labels.map((label) => label.name)).size,
      };
    });
}

/** A UUID (version 8, RFC 9562: made of whatever one likes) of a run and a number. */
export function deliveryId(run: string, index: number): string {
  const hash = createHash('sha256').update(`${run}/${index}`).digest('hex');
  const variant = ((Number.parseInt(hash.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-${variant}${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}
