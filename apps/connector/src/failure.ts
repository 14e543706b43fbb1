/** Failures of steps, in the DSL's standard types (DSL reference, Standard Error Types). */
import type { StepFailure } from '@millrace/worker';
import type { Performed, TargetHealth } from './manifest.ts';

const STANDARD = 'https://serverlessworkflow.io/spec/1.0.0/errors/';

/** The claim of an unsafe step has no outcome: whether the target did it is not known. */
export const STEP_UNKNOWN_TYPE = 'https://millrace.dev/errors/step-unknown';

export type StandardType = 'configuration' | 'validation' | 'authentication' | 'authorization' | 'timeout' | 'communication' | 'runtime';

const TITLES: Readonly<Record<StandardType, string>> = {
  configuration: 'Configuration error',
  validation: 'Invalid arguments',
  authentication: 'Authentication failed',
  authorization: 'Not authorised',
  timeout: 'Time limit exceeded',
  communication: 'Communication error',
  runtime: 'Runtime error',
};

export function failure(type: StandardType, status: number, detail: string, title = TITLES[type]): StepFailure {
  return { type: STANDARD + type, status, title, detail };
}

export function stepUnknown(detail: string): StepFailure {
  return { type: STEP_UNKNOWN_TYPE, status: 409, title: 'It is not known whether the step was performed', detail };
}

/** The target was not asked, or said for certain that it did nothing. */
export function refused(failed: StepFailure, target: TargetHealth = 'unasked'): Performed {
  return { kind: 'failure', failure: failed, effect: 'none', target };
}

/** The target may have done it. */
export function uncertain(failed: StepFailure, target: TargetHealth = 'down'): Performed {
  return { kind: 'failure', failure: failed, effect: 'unknown', target };
}
