/** Jobs as the contract shows them. */
import type { Job as JobMessage } from '@millrace/contracts/gateway/v1/gateway';
import type { Job } from './job.ts';

export function jobMessage({ id, progress, ...job }: Job): JobMessage {
  const { done, skipped, failed, failures, bytes, note } = progress;
  return { job: id, ...job, done, skipped, failed, bytes, failures: failures.map((each) => ({ ...each })), note };
}
