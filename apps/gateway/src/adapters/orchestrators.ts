/**
 * Questions to orchestrators, over gRPC: to the owner of an execution's lane, to any of them, or to all.
 *
 * Owns the retry while a lane changes its owner. Does not own starts (owner-streams.ts).
 */
import {
  DefinitionsClient,
  ExecutionsClient,
  type Definition,
  type TailEvent as TailMessage,
} from '@millrace/contracts/orchestrator/v1/executions';
import { status } from '@grpc/grpc-js';
import type { Workflow } from '@millrace/contracts/gateway/v1/gateway';
import { LanesClient } from '@millrace/contracts/orchestrator/v1/lanes';
import type { Instance } from '@millrace/bus';
import { MillraceError } from '@millrace/errors';
import type { ChannelPool } from '@millrace/rpc';
import type { Logger } from '@millrace/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Definitions, ExecutionReference, ExecutionViews, LaneMaps, LaneOwners, ListPart, TailEvent, TailFilter } from '../ports.ts';
import { instanceAt } from './lane-owners.ts';

/** How long one question may take altogether, in milliseconds; a lane that moves meanwhile is waited for. */
export const QUESTION_DEADLINE_MS = 10_000;
/** Pause before the next owner is asked, in milliseconds. */
export const RETRY_PAUSE_MS = 100;
/** How long one orchestrator may take to read a journal and make an execution from it, in milliseconds. */
export const RERUN_DEADLINE_MS = 20_000;
/** How long removing a page of executions may take, in milliseconds. */
const REMOVE_DEADLINE_MS = 60_000;
/** How long applying a workflow may take, in milliseconds. */
export const APPLY_DEADLINE_MS = 20_000;

const PASSING_REASONS: ReadonlySet<string> = new Set(['lane-displaced', 'lane-unowned', 'service-unavailable', 'service-draining']);

export function createExecutionViews(pool: ChannelPool, owners: LaneOwners, logger: Logger): ExecutionViews {
  /** Asks the owner of the execution's lane until one answers. What is asked may be asked twice. */
  async function askOwner<T>(reference: ExecutionReference, ask: (owner: Instance, deadlineMs: number) => Promise<T>): Promise<T> {
    const deadline = performance.now() + QUESTION_DEADLINE_MS;
    for (;;) {
      const owner = owners.ownerOf(reference.execution);
      let failure = new MillraceError('lane-unowned');
      if (owner !== undefined) {
        try {
          return await ask(instanceAt(owner.address), Math.max(1, deadline - performance.now()));
        } catch (error) {
          failure = MillraceError.from(error, 'service-unavailable');
          if (!PASSING_REASONS.has(failure.reason)) throw failure;
        }
      }
      if (performance.now() + RETRY_PAUSE_MS > deadline) throw failure;
      await sleep(RETRY_PAUSE_MS);
    }
  }

  return {
    get: (reference) => askOwner(reference, (instance, deadlineMs) => pool.unary(ExecutionsClient, 'get', reference, { instance, deadlineMs })),
    operate: (reference, command) =>
      askOwner(reference, async (instance, deadlineMs) => {
        try {
          return await pool.unary(ExecutionsClient, 'operate', { ...reference, ...command }, { instance, deadlineMs });
        } catch (error) {
          // An orchestrator of the release before can cancel, without saying who did.
          if (command.act !== 'cancel' || !isUnimplemented(error)) throw error;
          return pool.unary(ExecutionsClient, 'cancel', reference, { instance, deadlineMs });
        }
      }),
    listApprovals: (reference) => askOwner(reference, (instance, deadlineMs) => pool.unary(ExecutionsClient, 'listApprovals', reference, { instance, deadlineMs })),
    actOnApproval(reference, command) {
      let isRepeated = false;
      return askOwner(reference, async (instance, deadlineMs) => {
        try {
          return await pool.unary(ExecutionsClient, 'actOnApproval', { ...reference, ...command }, { instance, deadlineMs });
        } catch (error) {
          const { reason, details } = MillraceError.from(error, 'service-unavailable');
          // The answer to an earlier try was lost, and that try decided.
          if (isRepeated && reason === 'approval-decided' && details['act'] === command.act && details['by'] === command.by) return pool.unary(ExecutionsClient, 'get', reference, { instance, deadlineMs });
          isRepeated = true;
          throw error;
        }
      });
    },
    rerun: (reference, command) => askOwner(reference, (instance) => pool.unary(ExecutionsClient, 'rerun', { ...reference, ...command }, { instance, deadlineMs: RERUN_DEADLINE_MS })),
    remove: ({ executions, ...order }) => pool.unary(ExecutionsClient, 'remove', { ...order, executions: [...executions] }, { deadlineMs: REMOVE_DEADLINE_MS }),
    explain: (reference) => askOwner(reference, (instance, deadlineMs) => pool.unary(ExecutionsClient, 'explain', reference, { instance, deadlineMs })),
    trace: (reference) => askOwner(reference, (instance, deadlineMs) => pool.unary(ExecutionsClient, 'trace', reference, { instance, deadlineMs })),
    async list({ whole, ...query }) {
      const history = pool.pick();
      if (history === undefined) throw new MillraceError('service-unavailable', { message: 'No orchestrator is there to be asked for executions' });
      const ask = async (instance: Instance, liveOnly: boolean): Promise<ListPart> => {
        const part = await pool.unary(ExecutionsClient, 'list', { ...query, liveOnly }, { instance, deadlineMs: QUESTION_DEADLINE_MS });
        if (part.where !== query.where) throw new MillraceError('service-unavailable', { message: `The orchestrator ${instance.instance} is of a release that cannot search; search again once all are upgraded` });
        return part;
      };
      const others = pool.instances().filter((instance) => instance.instance !== history.instance);
      const [first, ...rest] = await Promise.all([
        ask(history, false),
        // One that has just died has no lanes to list; its executions come back with its lanes.
        ...others.map((instance) => ask(instance, true).catch((error: unknown) => (whole === true ? Promise.reject(MillraceError.from(error)) : noPart(logger, instance, error)))),
      ]);
      return [first, ...rest];
    },
    tail: (filter, onEvent, signal) => tailAll(pool, filter, onEvent, signal),
  };
}

function isUnimplemented(error: unknown): boolean {
  for (let each: unknown = error; each instanceof Error; each = each.cause) if ((each as { readonly code?: unknown }).code === status.UNIMPLEMENTED) return true;
  return false;
}

function noPart(logger: Logger, instance: Instance, error: unknown): ListPart {
  logger.warn('An orchestrator gave no list of its executions', { orchestrator: instance.instance, error });
  return { executions: [], cursor: '' };
}

/** One stream to every orchestrator, opened when it comes and again when it breaks. */
function tailAll(pool: ChannelPool, filter: TailFilter, onEvent: (event: TailEvent) => void, signal: AbortSignal): Promise<void> {
  const open = new Map<string, { cancel(): void }>();
  const follow = (instance: Instance): void => {
    const address = instance.addresses.grpc;
    if (address === undefined || open.has(address) || signal.aborted) return;
    const call = pool.client(ExecutionsClient, instance).tail(filter);
    open.set(address, call);
    const over = (): void => {
      if (open.get(address) !== call) return;
      open.delete(address);
      if (!signal.aborted) setTimeout(refresh, RETRY_PAUSE_MS).unref();
    };
    call.on('data', (event: TailMessage) => onEvent(event));
    call.on('error', over);
    call.on('end', over);
  };
  const refresh = (): void => {
    for (const instance of pool.instances()) follow(instance);
  };
  const stopWatching = pool.onChange(refresh);
  refresh();
  return new Promise((resolve) => {
    const stop = (): void => {
      stopWatching();
      for (const call of open.values()) call.cancel();
      resolve();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** Any orchestrator knows; asked to have so many lanes twice there are so many. */
export function createLaneMaps(pool: ChannelPool): LaneMaps {
  return {
    get: () => pool.unary(LanesClient, 'get', {}, { idempotent: true }),
    scale: (lanes) => pool.unary(LanesClient, 'scale', { lanes }, { idempotent: true }),
  };
}

export function createDefinitions(pool: ChannelPool): Definitions {
  return {
    async apply(proposal) {
      // Applying the same document twice gives the same version.
      return workflowOf(await pool.unary(DefinitionsClient, 'apply', proposal, { deadlineMs: APPLY_DEADLINE_MS, idempotent: true }));
    },
    async publish(organisation, name, version) {
      return workflowOf(await pool.unary(DefinitionsClient, 'publish', { organisation, name, version }, { idempotent: true }));
    },
    get: (organisation, workflow) => pool.unary(DefinitionsClient, 'get', { organisation, workflow }, { idempotent: true }),
    async list(organisation) {
      const { definitions } = await pool.unary(DefinitionsClient, 'list', { organisation }, { idempotent: true });
      return definitions.map(workflowOf);
    },
  };
}

function workflowOf(definition: Definition): Workflow {
  const { namespace, name, version, hash, existing, warnings, draft } = definition;
  return { namespace, name, version, hash, existing, warnings, draft };
}
