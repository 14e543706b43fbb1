/** What became of a task, as colours. */

export const STATUSES = ['completed', 'faulted', 'running', 'waiting', 'skipped', 'cancelled'] as const;
export type TaskStatus = (typeof STATUSES)[number];

/** Statuses by the reference of the task. */
export type TaskStatuses = ReadonlyMap<string, TaskStatus>;

const COLOURS: Readonly<Record<TaskStatus, { readonly fill: string; readonly stroke: string }>> = {
  completed: { fill: '#dcfce7', stroke: '#15803d' },
  faulted: { fill: '#fee2e2', stroke: '#b91c1c' },
  running: { fill: '#dbeafe', stroke: '#1d4ed8' },
  waiting: { fill: '#fef9c3', stroke: '#a16207' },
  skipped: { fill: '#f1f5f9', stroke: '#94a3b8' },
  cancelled: { fill: '#ffedd5', stroke: '#c2410c' },
};

/** Fill and line; every pair is told apart by its line alone too. */
export function colourOf(status: TaskStatus): { readonly fill: string; readonly stroke: string } {
  return COLOURS[status];
}

/** One status a reference: of several runs of a task (loops, retries) the one that matters most to a reader. */
export function statusesOf(tasks: readonly { readonly reference: string; readonly status: string }[]): TaskStatuses {
  const statuses = new Map<string, TaskStatus>();
  for (const { reference, status } of tasks) {
    const next = STATUSES.find((each) => each === status);
    const known = statuses.get(reference);
    if (next !== undefined && (known === undefined || WEIGHT.indexOf(next) > WEIGHT.indexOf(known))) statuses.set(reference, next);
  }
  return statuses;
}

const WEIGHT: readonly TaskStatus[] = ['skipped', 'cancelled', 'completed', 'faulted', 'waiting', 'running'];
