/** Mails of executions that completed arrived; one that arrived again did so under the same Message-ID, after a fault. */
import { brokenBetween, type ArrivedMail, type Evidence, type Findings } from '../evidence.ts';

/** How long a mail's first attempt may have been under way before it arrived, in milliseconds: the lease of a claim. */
const ATTEMPT_MS = 45_000;

/** @param subjectOf the subject of the mail of a start */
export function checkMails({ starts, mails, faults }: Pick<Evidence, 'starts' | 'mails' | 'faults'>, subjectOf: (start: { readonly organisation: string; readonly key: string }) => string): Findings {
  const bySubject = new Map<string, ArrivedMail[]>();
  for (const mail of mails) bySubject.set(mail.subject, [...(bySubject.get(mail.subject) ?? []), mail]);
  const violations: string[] = [];
  let repeated = 0;
  for (const start of starts) {
    if (start.workflow !== 'mail') continue;
    const subject = subjectOf(start);
    const arrived = bySubject.get(subject) ?? [];
    bySubject.delete(subject);
    if (arrived.length === 0) violations.push(`the mail ${subject} never arrived`);
    if (arrived.length <= 1) continue;
    repeated++;
    if (new Set(arrived.map(({ messageId }) => messageId)).size > 1) violations.push(`the mail ${subject} arrived under several Message-IDs`);
    const times = arrived.map(({ atMs }) => atMs);
    if (!brokenBetween(faults, Math.min(...times) - ATTEMPT_MS, Math.max(...times))) violations.push(`the mail ${subject} arrived ${arrived.length} times, and nothing was broken`);
  }
  for (const subject of bySubject.keys()) violations.push(`the mail ${subject} arrived, and no start asks for it`);
  return { violations, figures: { mails: mails.length, repeatedMails: repeated } };
}
