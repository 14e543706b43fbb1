/** All checks over what a bed has recorded. */
import type { FaultBed } from './bed/fault-bed.ts';
import { checkArrivals } from './checks/arrivals.ts';
import { checkEvents } from './checks/events.ts';
import { checkJournals } from './checks/journals.ts';
import { checkLimits } from './checks/limits.ts';
import { checkMails } from './checks/mails.ts';
import { checkStarts } from './checks/starts.ts';
import { checkTimers } from './checks/timers.ts';
import type { Evidence, FaultWindow, Findings } from './evidence.ts';
import { readEvents } from './read-events.ts';
import { readJournals } from './read-journals.ts';
import { pause } from './workload/client.ts';
import { PAUSES, WORKFLOWS, type WorkflowName } from './workload/workflows.ts';

/** How long history, events and mails may be behind, in milliseconds. A mail whose sender died is tried again after 40 s. */
const BEHIND_MS = 90_000;

export interface BedFindings {
  readonly violations: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

export async function checkBed(bed: FaultBed, faults: readonly FaultWindow[], owners: number): Promise<BedFindings> {
  const evidence = await gather(bed, faults, owners);
  const modelOf = (workflow: string) => WORKFLOWS[workflow as WorkflowName];
  const all: readonly Findings[] = [
    checkStarts(evidence, modelOf),
    checkJournals(evidence),
    checkArrivals(evidence),
    checkEvents(evidence),
    checkLimits(evidence),
    checkTimers(evidence, PAUSES),
    checkMails(evidence, subjectOf),
    { violations: bed.watch.violations, figures: { frames: [...bed.watch.frames.values()].reduce((sum, count) => sum + count, 0) } },
  ];
  const figures = Object.assign({}, ...all.map((found) => found.figures ?? {})) as Record<string, number>;
  const violations = all.flatMap((found) => found.violations);
  // A check that saw nothing has checked nothing.
  for (const name of ['executions', 'arrivals', 'events', 'frames', 'waits', 'mails', 'highestShareOfLimitPercent']) if (figures[name] === 0) violations.push(`nothing was seen of ${name}: a check did not work`);
  return { violations, figures };
}

async function gather(bed: FaultBed, faults: readonly FaultWindow[], owners: number): Promise<Evidence> {
  const { cluster, workload, target, mails, limits } = bed;
  const { starts, cancels, ends } = workload;
  const journals = await readJournals(cluster.servers.mongo.url, ends.length, BEHIND_MS);
  const events = await readEvents(cluster.servers.nats.url, (seen) => checkEvents({ journals, events: seen }).violations.length === 0, BEHIND_MS);
  const arrived = () => mails.mails.map(({ subject, messageId, atMs }) => ({ subject, messageId, atMs }));
  for (const until = performance.now() + BEHIND_MS; performance.now() < until && checkMails({ starts, mails: arrived(), faults }, subjectOf).violations.length > 0; ) await pause(200);
  return { starts, cancels, ends, journals, events, arrivals: target.arrivals(), mails: arrived(), faults, limits, owners };
}

/** What the mail workflow writes. */
function subjectOf({ key }: { readonly key: string }): string {
  return key;
}
