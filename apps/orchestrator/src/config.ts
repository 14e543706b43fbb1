/** The orchestrator's own settings; those that every service has are the service package's. */
import { FORMAT_NEWEST, FORMAT_OLDEST } from '@millrace/engine';
import { choice, flag, integer, text, type ConfigOf, type Schema } from '@millrace/service';

export const settings = {
  lanes: integer('MILLRACE_LANES', { default: 2, min: 1, max: 4_096, doc: 'lanes of a new installation; an existing one keeps its table' }),
  formatMax: integer('MILLRACE_FORMAT_MAX', { default: FORMAT_NEWEST, min: FORMAT_OLDEST, max: FORMAT_NEWEST, doc: 'the newest record format that the orchestrators may agree on while this one lives; hold it to be able to go back to an older release' }),
  growth: choice('MILLRACE_LANE_GROWTH', ['auto', 'fixed'] as const, { default: 'auto', doc: 'auto: a lane is added for each orchestrator more than there are lanes; fixed: only `millrace scale lanes` adds any' }),
  replaces: text('MILLRACE_REPLACES', { default: '', doc: 'instance whose place this one takes in a rolling restart: the two count as one until that has gone' }),
  laneLogMiB: integer('MILLRACE_LANE_LOG_MIB', { default: 2_048, min: 1, max: 1_048_576, doc: 'disk that the log of one lane may take, in MiB, before new starts are refused; what runs goes on' }),
  taskEvents: flag('MILLRACE_TASK_EVENTS', { default: false, doc: 'lifecycle events of tasks besides those of workflows' }),
} satisfies Schema;

export type OrchestratorConfig = ConfigOf<typeof settings>;
