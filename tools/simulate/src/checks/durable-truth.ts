/**
 * What is durable, as somebody knows who sees every frame land: the oracle that effects, checkpoints and memories are
 * compared with.
 *
 * Owns one state an execution, made by applying the records of every frame of every log. E2 (epochs), E4 (one start,
 * one end), E5 (one result a key and attempt, no key used twice) and E6 (the size of a frame) are looked at here.
 */
import { apply, decodeFrame, FRAME_CHARACTERS_MAX, snapshotOf, start, textOf, type Execution, type JournalRecord, type Program, type Transition } from '@millrace/engine';
import { slotOf } from '@millrace/identity';
import type { Violations } from './violations.ts';

/** The lane of an execution on its way from one to another. */
export const NO_LANE = -1;
/** A frame may exceed its limit by one transition. */
const FRAME_SLACK_CHARACTERS = 512 * 1024;

export interface Durable {
  readonly execution: Execution;
  readonly key: string | undefined;
  lane: number;
  /** The last frame that changed it. */
  sequence: number;
  /** Every frame that changed it, by lane. */
  readonly frames: { readonly lane: number; readonly sequence: number; readonly adopts?: true }[];
  /** Frames with which its slot left a lane. */
  readonly releases: { readonly lane: number; readonly sequence: number }[];
  ends: number;
  /** Attempts of steps with a result, by `run/activation/attempt`. */
  readonly results: Map<string, number>;
  readonly entered: Set<string>;
  /** What was performed, as label/attempt, in the order of the journal. */
  readonly performed: string[];
  readonly labels: Map<number, string>;
  /** Frames of its start and end, for the events. */
  readonly told: { readonly lane: number; readonly sequence: number; readonly index: 0 | 1 }[];
  readonly due: Map<number, number>;
}

export interface LaneTruth {
  epoch: number;
  lastSequence: number;
  inputSequence: number;
  frames: number;
}

export class DurableTruth {
  readonly executions = new Map<string, Durable>();
  readonly lanes = new Map<number, LaneTruth>();
  frames = 0;
  moves = 0;
  results = 0;
  ended = 0;
  readonly #violations: Violations;
  readonly #program: (hash: string) => Program | undefined;
  readonly #payload: (name: string) => string | undefined;
  /** Told of the inputs that a frame says are in it, before anything else of it is known. */
  positionMoved: (lane: number, from: number, to: number) => void = () => undefined;
  frameLanded: (lane: number, text: string) => void = () => undefined;

  constructor(violations: Violations, program: (hash: string) => Program | undefined, payload: (name: string) => string | undefined) {
    this.#violations = violations;
    this.#program = program;
    this.#payload = payload;
  }

  laneOf(number: number): LaneTruth {
    let lane = this.lanes.get(number);
    if (lane === undefined) this.lanes.set(number, (lane = { epoch: 0, lastSequence: 0, inputSequence: 0, frames: 0 }));
    return lane;
  }

  /** A frame has become durable. */
  landed(number: number, sequence: number, text: string): void {
    const violations = this.#violations;
    const lane = this.laneOf(number);
    this.frames++;
    const frame = decodeFrame(text, (name) => {
      const found = this.#payload(name);
      violations.check('E1', found !== undefined, () => `frame ${sequence} of lane ${number} names the payload ${name}, which is not stored`);
      return found ?? 'null';
    });
    violations.check('E6', text.length <= FRAME_CHARACTERS_MAX + FRAME_SLACK_CHARACTERS, () => `frame ${sequence} of lane ${number} has ${text.length} characters`);
    violations.check('E2', frame.epoch >= lane.epoch, () => `frame ${sequence} of lane ${number} is of epoch ${frame.epoch}, after epoch ${lane.epoch}`);
    violations.check('E2', frame.epoch <= lane.epoch || frame.owner !== undefined, () => `the first frame of epoch ${frame.epoch} in lane ${number}, ${sequence}, is no fence`);
    lane.epoch = Math.max(lane.epoch, frame.epoch);
    lane.lastSequence = sequence;
    lane.frames++;
    for (const transition of frame.transitions) this.#apply(number, sequence, transition);
    if (frame.released !== undefined) this.#released(number, sequence, frame.released.slots);
    if (frame.adopted !== undefined) this.#adopted(number, sequence, frame.adopted.slots);
    if (frame.inputSequence > lane.inputSequence) {
      this.positionMoved(number, lane.inputSequence, frame.inputSequence);
      lane.inputSequence = frame.inputSequence;
    } else violations.check('E4', frame.inputSequence === lane.inputSequence, () => `the input position of lane ${number} went back from ${lane.inputSequence} to ${frame.inputSequence}`);
    this.frameLanded(number, text);
  }

  /** From here on its lane is none, until one says that it has it. */
  #released(lane: number, sequence: number, slots: readonly number[]): void {
    const leaving = new Set(slots);
    for (const [id, known] of this.executions) {
      if (known.lane !== lane || !leaving.has(slotOf(id))) continue;
      known.lane = NO_LANE;
      known.releases.push({ lane, sequence });
    }
    this.moves++;
  }

  #adopted(lane: number, sequence: number, slots: readonly number[]): void {
    const coming = new Set(slots);
    for (const [id, known] of this.executions) {
      if (!coming.has(slotOf(id))) continue;
      this.#violations.check('E2', known.lane === NO_LANE, () => `frame ${sequence} of lane ${lane} adopts execution ${id}, which lane ${known.lane} has`);
      known.lane = lane;
      known.sequence = sequence;
      known.frames.push({ lane, sequence, adopts: true });
    }
  }

  #apply(lane: number, sequence: number, { organisation, execution: id, atMs, records }: Transition): void {
    const violations = this.#violations;
    let known = this.executions.get(id);
    const [first] = records;
    if (first?.kind === 'started') {
      if (!violations.check('E4', known === undefined, () => `execution ${id} was started twice, in frame ${sequence} of lane ${lane} again`)) return;
      const program = this.#program(first.definition);
      if (program === undefined) return;
      known = { execution: start(organisation, id, program, first), key: first.key, lane, sequence, frames: [], releases: [], ends: 0, results: new Map(), entered: new Set(), performed: [], labels: new Map(), told: [{ lane, sequence, index: 0 }], due: new Map() };
      this.executions.set(id, known);
    }
    if (known === undefined) {
      violations.check('E4', false, () => `frame ${sequence} of lane ${lane} is about execution ${id}, which was never started`);
      return;
    }
    violations.check('E2', known.lane === lane, () => `frame ${sequence} of lane ${lane} is about execution ${id}, which lane ${known?.lane ?? NO_LANE} has`);
    for (const record of records) this.#record(known, record, lane, sequence, atMs);
    known.lane = lane;
    known.sequence = sequence;
    known.frames.push({ lane, sequence });
  }

  #record(known: Durable, record: JournalRecord, lane: number, sequence: number, atMs: number): void {
    const violations = this.#violations;
    const { execution } = known;
    if (!violations.check('E4', known.ends === 0, () => `execution ${execution.id} has ended, and frame ${sequence} of lane ${lane} goes on with ${record.kind}`)) return;
    if (record.kind === 'entered') {
      const attempt = `${record.activation}/${record.attempt}`;
      violations.check('E5', !known.entered.has(attempt), () => `execution ${execution.id} enters activation ${attempt} a second time`);
      known.entered.add(attempt);
      const label = (record.arguments?.value as { readonly label?: string } | undefined)?.label;
      if (label !== undefined) known.labels.set(record.activation, label);
    }
    if (record.kind === 'resolved' || (record.kind === 'failed' && record.step !== undefined)) {
      const key = `${execution.run}/${record.activation}/${record.attempt}`;
      const count = (known.results.get(key) ?? 0) + 1;
      known.results.set(key, count);
      this.results++;
      violations.check('E5', count === 1, () => `the result of ${execution.id}/${key} was applied ${count} times`);
      known.performed.push(`${known.labels.get(record.activation) ?? '?'}/${record.attempt}`);
    }
    if (record.kind === 'ended') {
      known.ends++;
      this.ended++;
      known.told.push({ lane, sequence, index: 1 });
    }
    if (record.kind === 'started') return;
    try {
      apply(execution, record, atMs);
    } catch (error) {
      violations.check('E3', false, () => `frame ${sequence} of lane ${lane}: ${record.kind} does not fit execution ${execution.id}: ${String(error)}`);
    }
  }

  /** The state as text, for comparing. */
  stateOf(id: string): string | undefined {
    const known = this.executions.get(id);
    return known === undefined ? undefined : JSON.stringify(snapshotOf(known.execution));
  }

  /** The outstanding step with that key, if the log has one. */
  outstanding(id: string, activation: number, attempt: number) {
    const found = this.executions.get(id)?.execution.activations.get(activation);
    return found?.arguments !== undefined && found.attempt === attempt ? { text: textOf(found.arguments) } : undefined;
  }

  wasEntered(id: string, activation: number, attempt: number): boolean {
    return this.executions.get(id)?.entered.has(`${activation}/${attempt}`) === true;
  }
}
