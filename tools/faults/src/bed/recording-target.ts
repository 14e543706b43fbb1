/** The target of all steps: it knows which step of which start it sees, for how long, and refuses first tries of flaky ones. */
import { startHttpTarget, type Arrival } from '@millrace/testkit';
import type { StepArrival } from '../evidence.ts';
import { REFUSED_ATTEMPTS } from '../workload/workflows.ts';

/** How long a step takes, in milliseconds. */
const STEP_MS = { least: 20, most: 80 } as const;

export interface RecordingTarget {
  readonly url: string;
  arrivals(): readonly StepArrival[];
  close(): Promise<void>;
}

export async function startRecordingTarget(): Promise<RecordingTarget> {
  const endedAtMs = new Map<number, number>();
  const target = await startHttpTarget({
    answer(arrival) {
      const refused = arrival.path.endsWith('/refused') && Number(arrival.headers['millrace-attempt'] ?? 1) <= REFUSED_ATTEMPTS;
      return { status: refused ? 503 : 200, body: { ok: !refused }, delayMs: STEP_MS.least + Math.random() * (STEP_MS.most - STEP_MS.least) };
    },
    ended: ({ index }, atMs) => void endedAtMs.set(index, atMs),
  });
  return {
    url: target.url,
    arrivals: () => target.arrivals.map((arrival) => stepOf(arrival, endedAtMs.get(arrival.index) ?? Infinity)),
    close: () => target.close(),
  };
}

function stepOf({ path, body, key, headers, atMs }: Arrival, endedAtMs: number): StepArrival {
  const [, organisation = '', workflow = '', step = ''] = path.split('/');
  return { organisation, workflow, step, startKey: startKeyOf(body), key, attempt: String(headers['millrace-attempt'] ?? ''), atMs, endedAtMs };
}

function startKeyOf(body: string): string {
  try {
    return String((JSON.parse(body) as { readonly n?: unknown }).n);
  } catch {
    return '';
  }
}
