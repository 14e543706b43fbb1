/**
 * Which executions of a lane may be listening for events, by organisation: an event is shown to these alone.
 *
 * An entry that holds no more is left until an event comes; who takes it looks whether it still holds.
 */
import { isListening, type Execution } from '@millrace/engine';

export interface Listeners {
  /** Notes the execution if one of its tasks listens. */
  note(execution: Execution): void;
  of(organisation: string): readonly string[];
  forget(organisation: string, execution: string): void;
}

export function createListeners(): Listeners {
  const byOrganisation = new Map<string, Set<string>>();
  return {
    note(execution) {
      if (!isListening(execution)) return;
      const known = byOrganisation.get(execution.organisation);
      if (known === undefined) byOrganisation.set(execution.organisation, new Set([execution.id]));
      else known.add(execution.id);
    },
    of: (organisation) => [...(byOrganisation.get(organisation) ?? [])],
    forget(organisation, execution) {
      const known = byOrganisation.get(organisation);
      known?.delete(execution);
      if (known?.size === 0) byOrganisation.delete(organisation);
    },
  };
}
