/** `millrace.echo`: answers with its arguments, unread. For trying out, and for measuring everything around it. */
import type { OperationManifest } from '../manifest.ts';

export const echo: OperationManifest = {
  summary: 'Returns its arguments',
  arguments: { type: 'object' },
  output: { type: 'object' },
  retryClass: 'safe',
  timeoutMs: 10_000,
  action: { kind: 'answer', answer: (step) => ({ kind: 'output', json: step.argumentsJson }) },
};
