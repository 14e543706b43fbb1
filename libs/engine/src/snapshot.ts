/**
 * An execution's state as plain JSON, for checkpoints and for comparing states (E3).
 *
 * From format 2 on every value stands once, in `values`, and is named by its place there: the branches of a
 * fork share what flowed into it, so a state with ten thousand of them is no larger than what they hold (E6).
 * Values are told apart by identity, which a replayed state does not share: states are compared in format 1.
 */
import { createExecution } from './apply.ts';
import type { Activation, Execution, ForkState, Guard, ListenState, Pause } from './execution.ts';
import { FORMAT_NEWEST, FORMAT_OLDEST, isReadable } from './format.ts';
import { payloadOf, type Payload } from './payload.ts';
import type { JsonValue, Program } from './program.ts';
import type { Problem } from './problem.ts';
import { reuseRecord, type RerunOrigin } from './reuse.ts';
import type { Cursor } from './ready-queue.ts';

/** The first format with `values`. */
const FORMAT_OF_VALUES = 2;

/** A value; from format 2 on its place in `values`. */
type Held = JsonValue;

/** JSON; what `restore` takes. */
export interface Snapshot {
  /** The format it is written in. */
  readonly v: number;
  /** Format 2. */
  readonly values?: readonly JsonValue[];
  readonly definition: string;
  readonly workflow: string;
  readonly version: string;
  readonly rawInput: Held;
  readonly acceptedAtMs: number;
  readonly acceptedBy: string;
  readonly key?: string;
  readonly traceparent?: string;
  readonly replyTo?: string;
  readonly begun: boolean;
  readonly beganAtMs: number;
  readonly input: Held;
  readonly flow: Held;
  readonly context: Held;
  readonly lastActivation: number;
  readonly activations: readonly SnapshotActivation[];
  readonly ready: readonly Cursor[];
  /** With the next three: format 2. */
  readonly origin?: RerunOrigin;
  readonly reuse?: Held;
  readonly operations?: number;
  readonly paused?: Pause;
  readonly end?: { readonly status: 'completed' | 'faulted' | 'cancelled'; readonly output?: Held; readonly error?: Problem; readonly atMs: number };
}

interface SnapshotActivation extends Omit<Activation, 'rawInput' | 'input' | 'flow' | 'arguments' | 'loop' | 'guard' | 'fork' | 'listen'> {
  readonly rawInput: Held;
  readonly input: Held;
  readonly flow: Held;
  readonly arguments?: Held;
  readonly loop?: { readonly items: Held; readonly index: number };
  readonly guard?: Omit<Guard, 'retained'> & { readonly retained: readonly (readonly [string, { readonly activation: number; readonly attempt: number }])[] };
  readonly fork?: Omit<ForkState, 'outputs'> & { readonly outputs: readonly Held[] };
  readonly listen?: Omit<ListenState, 'events' | 'outputs' | 'keys'> & { readonly events: readonly Held[]; readonly outputs: readonly Held[]; readonly keys: readonly string[] };
}

/** The state in a format, which is the agreed one where it is stored. */
export function snapshotOf(execution: Execution, format: number = FORMAT_OLDEST): Snapshot {
  const { end } = execution;
  const { hold, values } = format < FORMAT_OF_VALUES ? { hold: asItIs, values: undefined } : createHolder();
  return {
    v: format,
    definition: execution.program.hash,
    workflow: execution.workflow,
    version: execution.version,
    rawInput: hold(execution.rawInput.value),
    acceptedAtMs: execution.acceptedAtMs,
    acceptedBy: execution.acceptedBy,
    ...(execution.key === undefined ? {} : { key: execution.key }),
    ...(execution.traceparent === undefined ? {} : { traceparent: execution.traceparent }),
    ...(execution.replyTo === undefined ? {} : { replyTo: execution.replyTo }),
    begun: execution.begun,
    beganAtMs: execution.beganAtMs,
    input: hold(execution.input),
    flow: hold(execution.flow),
    context: hold(execution.context),
    lastActivation: execution.lastActivation,
    activations: [...execution.activations.values()].map((activation) => activationOf(activation, hold)),
    ready: [...execution.ready],
    ...(execution.origin === undefined ? {} : { origin: execution.origin }),
    ...(execution.reuse.size === 0 ? {} : { reuse: hold(reuseRecord(execution.reuse).value) }),
    ...(execution.operations === 0 ? {} : { operations: execution.operations }),
    ...(execution.paused === undefined ? {} : { paused: execution.paused }),
    ...(end === undefined
      ? {}
      : { end: { status: end.status, atMs: end.atMs, ...(end.output === undefined ? {} : { output: hold(end.output.value) }), ...(end.error === undefined ? {} : { error: end.error }) } }),
    ...(values === undefined ? {} : { values }),
  };
}

function activationOf({ rawInput, input, flow, arguments: step, loop, guard, fork, listen, ...rest }: Activation, hold: Hold): SnapshotActivation {
  return {
    ...rest,
    rawInput: hold(rawInput),
    input: hold(input),
    flow: hold(flow),
    ...(step === undefined ? {} : { arguments: hold(step.value) }),
    ...(loop === undefined ? {} : { loop: { items: hold(loop.items), index: loop.index } }),
    ...(guard === undefined ? {} : { guard: { ...guard, retained: [...guard.retained] } }),
    ...(fork === undefined ? {} : { fork: { ...fork, outputs: fork.outputs.map(hold) } }),
    ...(listen === undefined ? {} : { listen: { ...listen, matched: [...listen.matched], untilMatched: [...listen.untilMatched], keys: [...listen.keys], events: listen.events.map(hold), outputs: listen.outputs.map(hold) } }),
  };
}

/** Throws on a format it does not know (V1). */
export function restore(organisation: string, id: string, program: Program, snapshot: Snapshot): Execution {
  if (!isReadable(snapshot.v)) throw new Error(`snapshot format ${String(snapshot.v)} of execution ${id} is not known to this release, which reads formats ${FORMAT_OLDEST} to ${FORMAT_NEWEST}`);
  const { values } = snapshot;
  const read: Hold = values === undefined ? asItIs : (place) => valueAt(values, place, id);
  const execution = createExecution(organisation, id, program, {
    kind: 'started',
    definition: snapshot.definition,
    workflow: snapshot.workflow,
    version: snapshot.version,
    input: payloadOf(read(snapshot.rawInput)),
    acceptedAtMs: snapshot.acceptedAtMs,
    acceptedBy: snapshot.acceptedBy,
    ...(snapshot.key === undefined ? {} : { key: snapshot.key }),
    ...(snapshot.traceparent === undefined ? {} : { traceparent: snapshot.traceparent }),
    ...(snapshot.replyTo === undefined ? {} : { replyTo: snapshot.replyTo }),
    ...(snapshot.origin === undefined ? {} : { origin: snapshot.origin }),
    ...(snapshot.reuse === undefined ? {} : { reuse: payloadOf(read(snapshot.reuse)) }),
  });
  execution.begun = snapshot.begun;
  execution.beganAtMs = snapshot.beganAtMs;
  execution.input = read(snapshot.input);
  execution.flow = read(snapshot.flow);
  execution.context = read(snapshot.context);
  execution.lastActivation = snapshot.lastActivation;
  for (const activation of snapshot.activations) execution.activations.set(activation.number, restored(activation, read));
  for (const cursor of snapshot.ready) execution.ready.push(cursor);
  execution.operations = snapshot.operations ?? 0;
  execution.paused = snapshot.paused;
  if (snapshot.end !== undefined) {
    const output: Payload | undefined = snapshot.end.output === undefined ? undefined : payloadOf(read(snapshot.end.output));
    execution.end = { status: snapshot.end.status, output, error: snapshot.end.error, atMs: snapshot.end.atMs };
  }
  return execution;
}

function restored({ rawInput, input, flow, arguments: step, loop, guard, fork, listen, ...rest }: SnapshotActivation, read: Hold): Activation {
  return {
    ...rest,
    rawInput: read(rawInput),
    input: read(input),
    flow: read(flow),
    ...(step === undefined ? {} : { arguments: payloadOf(read(step)) }),
    ...(loop === undefined ? {} : { loop: { items: read(loop.items) as readonly JsonValue[], index: loop.index } }),
    ...(guard === undefined ? {} : { guard: { ...guard, retained: new Map(guard.retained) } }),
    ...(fork === undefined ? {} : { fork: { ...fork, outputs: fork.outputs.map(read) } }),
    ...(listen === undefined ? {} : { listen: { ...listen, matched: [...listen.matched], untilMatched: [...listen.untilMatched], keys: new Set(listen.keys), events: listen.events.map(read), outputs: listen.outputs.map(read) } }),
  };
}

type Hold = (value: JsonValue) => Held;

const asItIs: Hold = (value) => value;

/** Gives each value, told apart by identity, its place. */
function createHolder(): { readonly hold: Hold; readonly values: readonly JsonValue[] } {
  const values: JsonValue[] = [];
  const places = new Map<JsonValue, number>();
  return {
    values,
    hold(value) {
      let place = places.get(value);
      if (place === undefined) {
        place = values.push(value) - 1;
        places.set(value, place);
      }
      return place;
    },
  };
}

function valueAt(values: readonly JsonValue[], place: Held, id: string): JsonValue {
  const value = typeof place === 'number' ? values[place] : undefined;
  if (value === undefined) throw new Error(`snapshot of execution ${id} names a value ${JSON.stringify(place)} that it does not have`);
  return value;
}
