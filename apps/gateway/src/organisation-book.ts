/** The organisations in memory, so that calls are served while their stores are away. */
import type { Organisation } from './ports.ts';

export interface OrganisationBook {
  set(organisation: Organisation): void;
  remove(id: string): void;
  isKnown(id: string): boolean;
}

export function createOrganisationBook(): OrganisationBook {
  const known = new Set<string>();
  return {
    set: ({ id }) => void known.add(id),
    remove: (id) => void known.delete(id),
    isKnown: (id) => known.has(id),
  };
}
