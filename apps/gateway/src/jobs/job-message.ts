/** Jobs as the contract shows them. */
import type { Job as JobMessage } from '@millrace/contracts/gateway/v1/gateway';
import type { Job } from './job.ts';

export function jobMessage({ id, progress, ...job }: Job): JobMessage {
  const { done, skipped, failed, failures, note } = progress;
  return { job: id, ...job, done, skipped, failed, failures: failures.map((each) => ({ ...each })), note };
}
