/** The trace context of a step, for handlers that pass it on. */
import { derivedTraceparent } from '@millrace/engine';
import type { Step } from './ports.ts';

/** W3C traceparent whose parent id is the attempt's span. */
export function traceparentOf(step: Pick<Step, 'traceparent' | 'execution' | 'run' | 'activation' | 'attempt'>): string {
  return step.traceparent === '' ? derivedTraceparent(step.execution, step.run, step.activation, step.attempt) : step.traceparent;
}
