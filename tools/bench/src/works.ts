/** Every work by its name: what it is, what it takes, what runs it. */
import { runFairness } from './work-fairness.ts';
import { mailCluster, runMail } from './work-mail.ts';
import { runMixed } from './work-mixed.ts';
import { runOutage } from './work-outage.ts';
import { runRecovery } from './work-recovery.ts';
import { runLongOutage } from './work-long-outage.ts';
import { runRestart } from './work-restart.ts';
import { runSleepers } from './work-sleepers.ts';
import { runChain, runFanOut, runHttp, runLoop, runScript } from './work-stream.ts';
import { runWebhook } from './work-webhook.ts';
import type { Work } from './work.ts';

const COMMON = ['profile', 'fsync-delay-ms', 'nats-servers'] as const;
const STREAMED = [...COMMON, 'minutes'] as const;

export const WORKS: Readonly<Record<string, Work>> = {
  'chain-10': { what: 'ten steps in sequence', inFlight: 200, takes: [...STREAMED, 'waiting'], run: (run) => runChain(10, run) },
  ping: { what: 'one step', inFlight: 200, takes: [...STREAMED, 'waiting'], run: (run) => runChain(1, run) },
  mixed: { what: 'many definitions of many organisations, with switch, loop and retry', inFlight: 500, takes: [...STREAMED, 'definitions'], run: runMixed },
  'fan-out': { what: 'a fork of a hundred steps', inFlight: 50, takes: STREAMED, run: runFanOut },
  loop: { what: 'a loop over a thousand items', inFlight: 100, takes: STREAMED, run: runLoop },
  script: { what: 'ten JavaScript steps', inFlight: 100, takes: STREAMED, run: runScript },
  http: { what: 'ten HTTP calls', inFlight: 100, takes: STREAMED, run: runHttp },
  fairness: { what: 'what a noisy organisation does to 49 others, and weights', inFlight: 200, takes: COMMON, run: runFairness },
  webhook: { what: 'webhooks, accepted and with a reply', inFlight: 50, takes: COMMON, run: runWebhook },
  'long-outage': { what: 'MongoDB away for long, under a steady rate', inFlight: 200, takes: ['mongo-minutes', 'rate'], run: runLongOutage },
  sleepers: { what: 'executions that only wait', inFlight: 5_000, takes: ['count', 'due'], run: runSleepers },
  mail: { what: 'messages sent and recorded', inFlight: 1_000, takes: COMMON, cluster: mailCluster, run: runMail },
  restart: { what: 'every service replaced one after the other', inFlight: 200, takes: ['rate', 'fsync-delay-ms'], run: runRestart },
  recovery: { what: 'SIGKILL of an orchestrator', inFlight: 10_000, takes: ['fsync-delay-ms', 'nats-servers'], run: runRecovery },
  outage: { what: 'MongoDB, throttle, notification and gateway away in turn', inFlight: 200, takes: ['away-seconds', 'fsync-delay-ms'], run: runOutage },
};
