/** The orchestrator's own settings; those that every service has are the service package's. */
import { FORMAT_NEWEST, FORMAT_OLDEST } from '@millrace/engine';
import { integer, type ConfigOf, type Schema } from '@millrace/service';

export const settings = {
  lanes: integer('MILLRACE_LANES', { default: 2, min: 1, max: 4_096, doc: 'lanes of a new installation; an existing one keeps its table' }),
  formatMax: integer('MILLRACE_FORMAT_MAX', { default: FORMAT_NEWEST, min: FORMAT_OLDEST, max: FORMAT_NEWEST, doc: 'the newest record format that the orchestrators may agree on while this one lives; hold it to be able to go back to an older release' }),
} satisfies Schema;

export type OrchestratorConfig = ConfigOf<typeof settings>;
