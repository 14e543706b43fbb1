/** Every engine that can be named for a comparison. */
import { bullmq } from './bullmq.ts';
import { dbos } from './dbos.ts';
import type { Engine } from './engine.ts';
import { n8n } from './n8n.ts';
import { restate } from './restate.ts';
import { temporal } from './temporal.ts';

export const PEERS: Readonly<Record<string, () => Engine>> = {
  restate: () => restate('handler'),
  'restate-rpc': () => restate('service'),
  bullmq: () => bullmq('everysec'),
  'bullmq-always': () => bullmq('always'),
  temporal,
  dbos,
  n8n,
};

/** Where none is named. */
export const DEFAULT_PEERS: readonly string[] = ['restate', 'restate-rpc', 'bullmq'];
