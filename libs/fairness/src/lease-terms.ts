/**
 * What owners and the authority say to each other, free of how it travels.
 */

/** An owner's state for one organisation, as it stood when the report was made. */
export interface ReportedDemand {
  readonly organisation: string;
  readonly running: number;
  /** Steps in the queue; for metrics. */
  readonly waiting: number;
  readonly wanted: number;
  readonly held: number;
  readonly startsWanted: number;
  readonly startsHeld: number;
}

export interface Report {
  /** Grows with every report of the owner process. */
  readonly sequence: number;
  /** The last grants applied before this report was made; 0 for none on this stream. */
  readonly applied: number;
  /** The first report of a stream: organisations not named use and hold nothing, and nothing is under way. */
  readonly complete: boolean;
  /** The owner stops: it uses and holds nothing any more. */
  readonly leaving: boolean;
  readonly demands: readonly ReportedDemand[];
}

export interface Grant {
  readonly organisation: string;
  /** Infinity: not limited. */
  readonly concurrency: number;
  readonly startsPerSecond: number;
}

/** What goes to one owner. */
export interface Grants {
  readonly sequence: number;
  /** The last report taken into account; the owner's leases count from when it sent that. */
  readonly answers: number;
  /** Live owners. */
  readonly owners: number;
  /** The authority is new and gives nothing yet: go on as without it, only keep what you hold (A4). */
  readonly learning: boolean;
  readonly grants: readonly Grant[];
}

/** Facts about one organisation, for metrics. */
export interface OrganisationUsage {
  readonly organisation: string;
  readonly limit: number | undefined;
  /** What owners may be using (H1). */
  readonly held: number;
  /** Of these, what owners that are gone may still be running of a strict limit. */
  readonly stranded: number;
  readonly running: number;
  readonly waiting: number;
  /** Permits granted and leases recalled since the authority began. */
  readonly granted: number;
  readonly recalls: number;
}

/** What one owner may hold of one strict limit, as a successor of the authority has to know it. */
export interface StrictHolding {
  readonly owner: string;
  readonly organisation: string;
  /** Steps at once; a count. */
  readonly permits: number;
}
