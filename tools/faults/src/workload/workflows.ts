/**
 * The workflows that faults are tried on, and what each must do, told without the product.
 *
 * Every step names its organisation, workflow and name in its path and its start in its body, so that the target knows
 * what it sees.
 */
import type { Model } from '../checks/starts.ts';
import type { Pause } from '../checks/timers.ts';

/** How long a wait of the chain takes, and the delay before a flaky step is tried again, in milliseconds. */
const WAIT_MS = 300;
const RETRY_MS = 150;
/** Attempts of a flaky step that the target refuses, by the attempt's number. */
export const REFUSED_ATTEMPTS = 2;

export type WorkflowName = 'chain' | 'flaky' | 'reply' | 'mail' | 'failing' | 'sleeper';

export interface TriedWorkflow extends Model {
  readonly name: WorkflowName;
  /** A client waits for its end. */
  readonly waits: boolean;
  /** The client cancels it. */
  readonly cancels: boolean;
  readonly tasks: (url: string) => string;
}

const call = (name: string, indent: number, url: string): string => {
  const pad = ' '.repeat(indent);
  return `${pad}- ${name}:\n${pad}    call: http\n${pad}    with:\n${pad}      method: post\n${pad}      endpoint: ${url}/${name}\n${pad}      body: '\${ {n: .n} }'\n${pad}    output:\n${pad}      as: '\${ {n: $input.n} }'\n`;
};
const guarded = (name: string, inside: string, retryMs: number): string =>
  `  - ${name}:\n      try:\n${inside}      catch:\n        retry:\n          delay: { milliseconds: ${retryMs} }\n          limit:\n            attempt:\n              count: 100\n`;
const notify = `        - tell:
            call: millrace.notify:1.0.0@default
            with:
              recipient: ada@example.com
              template:
                subject: '{{ n }}'
                text: It is done.
              data: '\${ {n: .n} }'
            output:
              as: '\${ {n: $input.n} }'
`;

export const WORKFLOWS: Readonly<Record<WorkflowName, TriedWorkflow>> = {
  chain: {
    name: 'chain',
    status: 'completed',
    output: (n) => ({ n }),
    waits: false,
    cancels: false,
    tasks: (url) =>
      `${guarded('guarded', call('first', 8, url) + call('second', 8, url), RETRY_MS)}  - loop:
      for:
        each: item
        in: '\${ [1, 2, 3] }'
      do:
${call('inside', 8, url)}  - pause:
      wait: { milliseconds: ${WAIT_MS} }
${call('third', 2, url)}${call('fourth', 2, url)}${call('fifth', 2, url)}`,
  },
  flaky: {
    name: 'flaky',
    status: 'completed',
    output: (n) => ({ n }),
    waits: false,
    cancels: false,
    tasks: (url) => `${guarded('guarded', call('refused', 8, url), RETRY_MS)}${call('after', 2, url)}`,
  },
  reply: {
    name: 'reply',
    status: 'completed',
    output: (n) => ({ n, length: n.length }),
    waits: true,
    cancels: false,
    tasks: (url) => `${call('one', 2, url)}${call('two', 2, url)}  - answer:\n      set: '\${ {n: .n, length: (.n | length)} }'\n`,
  },
  mail: {
    name: 'mail',
    status: 'completed',
    output: (n) => ({ n }),
    waits: false,
    cancels: false,
    tasks: () => `${guarded('guarded', notify, RETRY_MS)}  - told:\n      set: '\${ {n: .n} }'\n`,
  },
  failing: {
    name: 'failing',
    status: 'faulted',
    output: () => undefined,
    waits: true,
    cancels: false,
    tasks: (url) => `${call('one', 2, url)}  - give-up:\n      raise:\n        error:\n          type: https://millrace.dev/tests/given-up\n          status: 422\n          title: Given up\n`,
  },
  sleeper: {
    name: 'sleeper',
    status: 'cancelled',
    output: () => undefined,
    waits: false,
    cancels: true,
    tasks: (url) => `${call('one', 2, url)}  - sleep:\n      wait: { minutes: 30 }\n`,
  },
};

/** What the target can see of the pauses. */
export const PAUSES: readonly Pause[] = [{ workflow: 'chain', before: 'inside', after: 'third', ms: WAIT_MS }];

export function documentOf({ name, tasks }: TriedWorkflow, targetUrl: string, organisation: string): string {
  return `document:
  dsl: '1.0.3'
  namespace: faults
  name: ${name}
  version: 1.0.0
do:
  - shape:
      set: '\${ {n: (.n // .body.n)} }'
${tasks(`${targetUrl}/${organisation}/${name}`)}`;
}
