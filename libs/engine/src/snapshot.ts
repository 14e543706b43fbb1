/**
 * An execution's state as plain JSON, for checkpoints and for comparing states (E3).
 */
import { createExecution } from './apply.ts';
import type { Activation, Cursor, Execution, Guard } from './execution.ts';
import { FORMAT_NEWEST, FORMAT_OLDEST, isReadable } from './format.ts';
import { payloadOf, type Payload } from './payload.ts';
import type { JsonValue, Program } from './program.ts';
import type { Problem } from './problem.ts';


/** JSON; what `restore` takes. */
export interface Snapshot {
  /** The format it is written in. */
  readonly v: number;
  readonly definition: string;
  readonly workflow: string;
  readonly version: string;
  readonly rawInput: JsonValue;
  readonly acceptedAtMs: number;
  readonly acceptedBy: string;
  readonly key?: string;
  readonly traceparent?: string;
  readonly replyTo?: string;
  readonly begun: boolean;
  readonly beganAtMs: number;
  readonly input: JsonValue;
  readonly flow: JsonValue;
  readonly context: JsonValue;
  readonly lastActivation: number;
  readonly activations: readonly SnapshotActivation[];
  readonly ready: readonly Cursor[];
  readonly end?: { readonly status: 'completed' | 'faulted' | 'cancelled'; readonly output?: JsonValue; readonly error?: Problem; readonly atMs: number };
}

interface SnapshotActivation extends Omit<Activation, 'arguments' | 'guard'> {
  readonly arguments?: JsonValue;
  readonly guard?: Omit<Guard, 'retained'> & { readonly retained: readonly (readonly [string, { readonly activation: number; readonly attempt: number }])[] };
}

/** The state in a format, which is the agreed one where it is stored. */
export function snapshotOf(execution: Execution, format: number = FORMAT_OLDEST): Snapshot {
  const { end } = execution;
  return {
    v: format,
    definition: execution.program.hash,
    workflow: execution.workflow,
    version: execution.version,
    rawInput: execution.rawInput.value,
    acceptedAtMs: execution.acceptedAtMs,
    acceptedBy: execution.acceptedBy,
    ...(execution.key === undefined ? {} : { key: execution.key }),
    ...(execution.traceparent === undefined ? {} : { traceparent: execution.traceparent }),
    ...(execution.replyTo === undefined ? {} : { replyTo: execution.replyTo }),
    begun: execution.begun,
    beganAtMs: execution.beganAtMs,
    input: execution.input,
    flow: execution.flow,
    context: execution.context,
    lastActivation: execution.lastActivation,
    activations: [...execution.activations.values()].map(({ arguments: step, guard, ...rest }) => ({
      ...rest,
      ...(step === undefined ? {} : { arguments: step.value }),
      ...(guard === undefined ? {} : { guard: { ...guard, retained: [...guard.retained] } }),
    })),
    ready: [...execution.ready],
    ...(end === undefined
      ? {}
      : { end: { status: end.status, atMs: end.atMs, ...(end.output === undefined ? {} : { output: end.output.value }), ...(end.error === undefined ? {} : { error: end.error }) } }),
  };
}

/** Throws on a format it does not know (V1). */
export function restore(organisation: string, id: string, program: Program, snapshot: Snapshot): Execution {
  if (!isReadable(snapshot.v)) throw new Error(`snapshot format ${String(snapshot.v)} of execution ${id} is not known to this release, which reads formats ${FORMAT_OLDEST} to ${FORMAT_NEWEST}`);
  const execution = createExecution(organisation, id, program, {
    kind: 'started',
    definition: snapshot.definition,
    workflow: snapshot.workflow,
    version: snapshot.version,
    input: payloadOf(snapshot.rawInput),
    acceptedAtMs: snapshot.acceptedAtMs,
    acceptedBy: snapshot.acceptedBy,
    ...(snapshot.key === undefined ? {} : { key: snapshot.key }),
    ...(snapshot.traceparent === undefined ? {} : { traceparent: snapshot.traceparent }),
    ...(snapshot.replyTo === undefined ? {} : { replyTo: snapshot.replyTo }),
  });
  execution.begun = snapshot.begun;
  execution.beganAtMs = snapshot.beganAtMs;
  execution.input = snapshot.input;
  execution.flow = snapshot.flow;
  execution.context = snapshot.context;
  execution.lastActivation = snapshot.lastActivation;
  for (const { arguments: step, guard, ...rest } of snapshot.activations) {
    execution.activations.set(rest.number, {
      ...rest,
      ...(step === undefined ? {} : { arguments: payloadOf(step) }),
      ...(guard === undefined ? {} : { guard: { ...guard, retained: new Map(guard.retained) } }),
    });
  }
  execution.ready.push(...snapshot.ready);
  if (snapshot.end !== undefined) {
    const output: Payload | undefined = snapshot.end.output === undefined ? undefined : payloadOf(snapshot.end.output);
    execution.end = { status: snapshot.end.status, output, error: snapshot.end.error, atMs: snapshot.end.atMs };
  }
  return execution;
}
