/**
 * Lifecycle events of tasks (DSL reference, Task Lifecycle Events), for installations that ask for them.
 *
 * Owns which records tell what of which task. Records name an activation and not always its node, so what is live is
 * noted before a decision and looked at again behind it; nothing of this is done where nobody asks for it.
 *
 * T1 A task that is told to have started is told to have completed, faulted or been cancelled.
 * T2 They are told once, by the owner that decided, unlike events of workflows: a later owner does not make them again.
 */
import { textOf, type Execution, type JournalRecord, type Payload, type Problem } from '@millrace/engine';
import type { LanePorts } from './ports.ts';

export type TaskChange = 'created' | 'started' | 'suspended' | 'resumed' | 'retried' | 'cancelled' | 'faulted' | 'completed';

/** One event of a task. */
export interface TaskFact {
  readonly change: TaskChange;
  /** JSON pointer to the task in its document. */
  readonly reference: string;
  /** Its activation, attempt and the place among the facts of one decision: with the frame an identity. */
  readonly index: string;
  readonly output?: Payload;
  readonly error?: Problem;
}

interface LiveTask {
  readonly node: number;
  readonly attempt: number;
}

/** Notes what is live; the function that comes back makes the facts of the records that were then decided. */
export function watchTasks(execution: Execution): (records: readonly JournalRecord[]) => readonly TaskFact[] {
  const live = new Map<number, LiveTask>([...execution.activations.values()].map(({ attempt, node, number }) => [number, { node, attempt }]));
  return (records) => {
    const facts: TaskFact[] = [];
    const tell = (activation: number, { attempt, node }: LiveTask, change: TaskChange, more: { readonly output?: Payload; readonly error?: Problem } = {}): void => {
      // The root is the workflow, which has events of its own.
      const reference = execution.program.nodes[node]?.reference;
      if (node !== 0 && reference !== undefined) facts.push({ change, reference, index: `${activation}.${attempt}.${facts.length}`, ...more });
    };
    const begin = (activation: number, task: LiveTask): void => {
      if (live.has(activation)) return;
      tell(activation, task, 'created');
      tell(activation, task, 'started');
      live.set(activation, task);
    };
    const end = (activation: number, change: TaskChange, more: { readonly output?: Payload; readonly error?: Problem } = {}): void => {
      const task = live.get(activation);
      if (task !== undefined) tell(activation, task, change, more);
      live.delete(activation);
    };
    for (const record of records) {
      switch (record.kind) {
        case 'entered':
          begin(record.activation, record);
          break;
        case 'passed':
          begin(record.activation, { node: record.node, attempt: 1 });
          end(record.activation, 'completed', outputOf(record.output));
          break;
        case 'resolved':
          end(record.activation, 'completed', outputOf(record.output ?? record.result));
          break;
        case 'exited':
          end(record.activation, 'completed', outputOf(record.output));
          break;
        case 'failed':
          begin(record.activation, record);
          end(record.activation, 'faulted', record.error === undefined ? {} : { error: record.error });
          break;
        case 'retrying': {
          const task = live.get(record.activation);
          if (task !== undefined) tell(record.activation, task, 'retried');
          break;
        }
        case 'operated':
          if (record.act === 'pause' || record.act === 'resume') for (const [activation, task] of live) tell(activation, task, record.act === 'pause' ? 'suspended' : 'resumed');
          break;
        default:
      }
    }
    // What was cut off, or left behind by an end of the workflow, is live no more and was told nothing of.
    const left = execution.end?.status === 'completed' ? 'completed' : 'cancelled';
    for (const activation of [...live.keys()]) if (!execution.activations.has(activation)) end(activation, left);
    return facts;
  };
}

/** Where effects wait for their frame. */
interface Telling {
  readonly nowMs: number;
  readonly effects: ((sequence: number) => void)[];
}

/** Decides, and tells of the tasks once the frame is durable; without somebody to tell it only decides. */
export function tellingOfTasks(announce: LanePorts['announceTask'], execution: Execution, lane: number, { effects, nowMs: atMs }: Telling, decide: () => readonly JournalRecord[] | undefined): readonly JournalRecord[] | undefined {
  if (announce === undefined) return decide();
  const factsOf = watchTasks(execution);
  const records = decide();
  const facts = records === undefined ? [] : factsOf(records);
  const { id, organisation } = execution;
  if (facts.length > 0) effects.push((sequence) => facts.forEach((fact) => announce({ fact, lane, sequence, atMs, organisation, execution: id })));
  return records;
}

/** Longest output of a task within its event, in characters; a longer one is left out. */
export const TASK_EVENT_OUTPUT_CHARACTERS_MAX = 16 * 1024;

function outputOf(output: Payload | undefined): { readonly output?: Payload } {
  return output === undefined || textOf(output).length > TASK_EVENT_OUTPUT_CHARACTERS_MAX ? {} : { output };
}
