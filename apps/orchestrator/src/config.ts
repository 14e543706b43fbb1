/** The orchestrator's own settings; those that every service has are the service package's. */
import { integer, type ConfigOf, type Schema } from '@millrace/service';

export const settings = {
  lanes: integer('MILLRACE_LANES', { default: 2, min: 1, max: 4_096, doc: 'lanes of a new installation; an existing one keeps its table' }),
} satisfies Schema;

export type OrchestratorConfig = ConfigOf<typeof settings>;
