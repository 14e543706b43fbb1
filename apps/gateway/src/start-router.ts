/**
 * Brings starts to the owners of their lanes and the answers back, whatever happens to owners meanwhile.
 *
 * Owns: which start is at which owner, what is sent again when an owner dies or a lane moves, how long a start
 * waits for an owner, how much may wait. Does not own: streams (ports), who may start what, ids.
 *
 * Invariants
 * 1. A start keeps its execution id for ever, so sending it again, to any owner, starts it once.
 * 2. A start is refused for want of an owner only after `ownerWaitMs`; one that is durable is never refused,
 *    it attaches to its execution at every new owner until that has ended or the caller gives up.
 * 3. A listener hears `accepted` at most once, then at most one of `ended` and `refused`, and nothing after
 *    its ticket was abandoned.
 */
import { MillraceError } from '@millrace/errors';
import type { ExecutionEnd, LaneOwners, OwnerEvents, OwnerLink, OwnerLinks, StartOrder } from './ports.ts';

/** How long a start may wait for its lane to have an owner that answers, in milliseconds. */
export const OWNER_WAIT_MS = 30_000;
/** Starts that are neither durable nor refused. */
export const UNDECIDED_STARTS_MAX = 50_000;
/** Bytes of input of those starts. */
export const UNDECIDED_BYTES_MAX = 64 * 1024 * 1024;
/** Durable starts whose callers wait for the end. */
export const WAITING_STARTS_MAX = 500_000;
/** How often held starts are looked at, in milliseconds. */
export const HOLD_TICK_MS = 50;
/** Pause after an owner said that the lane is not its own or its stream broke, in milliseconds; doubles up to the second number. */
export const RETRY_PAUSE_MS = [50, 500] as const;

/** Refusals that mean another owner, or the same one a little later, will take the start. */
const PASSING_REASONS: ReadonlySet<string> = new Set(['lane-displaced', 'lane-unowned', 'service-draining', 'service-unavailable']);

export interface StartListener {
  /** The start is durable. */
  accepted(existing: boolean): void;
  /** Only for an order that waits. */
  ended(end: ExecutionEnd): void;
  /** `reason` is a key of the catalogue of errors. */
  refused(reason: string, message: string): void;
}

export interface StartTicket {
  /** The caller listens no more; the execution goes on. */
  abandon(): void;
}

export interface StartRouter {
  /** Never throws: what cannot be taken is refused through the listener. */
  start(order: StartOrder, listener: StartListener): StartTicket;
  /** More is refused with `limit-exceeded`; a stream stops reading instead. */
  isFull(): boolean;
  /** Calls back once, as soon as the router is not full. */
  onRoom(callback: () => void): void;
  counts(): { readonly undecided: number; readonly waiting: number; readonly held: number };
  close(): void;
}

export interface StartRouterOptions {
  readonly owners: LaneOwners;
  readonly links: OwnerLinks;
  readonly ownerWaitMs?: number;
  /** Told when a start had to be sent again. */
  readonly onResend?: (reason: string) => void;
}

interface Pending {
  readonly number: number;
  readonly order: StartOrder;
  readonly listener: StartListener;
  durable: boolean;
  link: OpenLink | undefined;
  epoch: number;
  /** When it was first held since it last was durable or new; performance.now() milliseconds. */
  heldSince: number;
  notBefore: number;
  pauseMs: number;
}

interface OpenLink {
  readonly address: string;
  link: OwnerLink;
}

interface AddressBackoff {
  notBefore: number;
  pauseMs: number;
}

export function createStartRouter(options: StartRouterOptions): StartRouter {
  const { owners, links } = options;
  const ownerWaitMs = options.ownerWaitMs ?? OWNER_WAIT_MS;
  const pending = new Map<number, Pending>();
  const held = new Set<Pending>();
  const open = new Map<string, OpenLink>();
  const backoffs = new Map<string, AddressBackoff>();
  let lastNumber = 0;
  let undecided = 0;
  let undecidedBytes = 0;
  let roomWaiters: (() => void)[] = [];
  let ticker: NodeJS.Timeout | undefined;
  let closed = false;

  const isFull = (): boolean => undecided >= UNDECIDED_STARTS_MAX || undecidedBytes >= UNDECIDED_BYTES_MAX || pending.size - undecided >= WAITING_STARTS_MAX;

  function decided(start: Pending): void {
    undecided -= 1;
    undecidedBytes -= start.order.inputJson.length;
    if (roomWaiters.length > 0 && !isFull()) {
      const waiters = roomWaiters;
      roomWaiters = [];
      for (const callback of waiters) callback();
    }
  }

  function forget(start: Pending): boolean {
    if (!pending.delete(start.number)) return false;
    held.delete(start);
    if (!start.durable) decided(start);
    return true;
  }

  function refuse(start: Pending, reason: string, message: string): void {
    if (forget(start)) start.listener.refused(reason, message);
  }

  /** Sends a start to the owner of its lane, or holds it until there is one. */
  function assign(start: Pending): void {
    const owner = owners.ownerOf(start.order.execution);
    if (owner === undefined || isBackingOff(owner.address)) return hold(start);
    held.delete(start);
    let link = open.get(owner.address);
    if (link === undefined) {
      link = openLink(owner.address);
      open.set(owner.address, link);
    }
    start.link = link;
    start.epoch = owner.epoch;
    link.link.send(start.number, start.order, start.durable);
  }

  function hold(start: Pending): void {
    const now = performance.now();
    start.link = undefined;
    if (start.heldSince === 0) start.heldSince = now;
    held.add(start);
    ticker ??= setInterval(lookAtHeld, HOLD_TICK_MS);
  }

  /** The owner did not take the start; another, or the same one later, may. */
  function putBack(start: Pending, reason: string): void {
    options.onResend?.(reason);
    start.notBefore = performance.now() + start.pauseMs;
    start.pauseMs = Math.min(start.pauseMs * 2, RETRY_PAUSE_MS[1]);
    hold(start);
  }

  function lookAtHeld(): void {
    const now = performance.now();
    for (const start of held) {
      if (!start.durable && now - start.heldSince > ownerWaitMs) {
        refuse(start, 'lane-unowned', `No orchestrator has taken the start for ${Math.round((now - start.heldSince) / 1000)} s; it was not started as far as is known, send it again with the same idempotency key`);
      } else if (start.notBefore <= now) {
        assign(start);
      }
    }
    if (held.size === 0) {
      clearInterval(ticker);
      ticker = undefined;
    }
  }

  function isBackingOff(address: string): boolean {
    const backoff = backoffs.get(address);
    return backoff !== undefined && backoff.notBefore > performance.now();
  }

  function openLink(address: string): OpenLink {
    const events: OwnerEvents = {
      ready: () => void backoffs.delete(address),
      accepted: (number, existing) => {
        const start = pending.get(number);
        if (start === undefined) return;
        if (!start.durable) {
          start.durable = true;
          start.heldSince = 0;
          start.pauseMs = RETRY_PAUSE_MS[0];
          decided(start);
          if (!start.order.wait) pending.delete(number);
          start.listener.accepted(existing && start.order.idempotencyKey !== '');
        }
      },
      ended: (number, end) => {
        const start = pending.get(number);
        if (start !== undefined && forget(start)) start.listener.ended(end);
      },
      refused: (number, reason, message) => {
        const start = pending.get(number);
        if (start === undefined || start.link !== opened) return;
        if (PASSING_REASONS.has(reason)) putBack(start, reason);
        else refuse(start, reason, message);
      },
      lost: (reason) => {
        if (open.get(address) === opened) open.delete(address);
        const pauseMs = backoffs.get(address)?.pauseMs ?? RETRY_PAUSE_MS[0];
        backoffs.set(address, { notBefore: performance.now() + pauseMs, pauseMs: Math.min(pauseMs * 2, RETRY_PAUSE_MS[1]) });
        for (const start of pending.values()) if (start.link === opened) putBack(start, reason);
      },
    };
    const opened: OpenLink = { address, link: undefined as unknown as OwnerLink };
    opened.link = links.open(address, events);
    return opened;
  }

  /** Lanes have new owners: what an older one has is offered to the new one. */
  function ownersChanged(): void {
    for (const start of pending.values()) {
      const owner = owners.ownerOf(start.order.execution);
      if (owner === undefined || start.link === undefined) continue;
      if (owner.address !== start.link.address || owner.epoch !== start.epoch) {
        options.onResend?.('lane-moved');
        assign(start);
      }
    }
    for (const start of held) start.notBefore = 0;
    lookAtHeld();
    const owning = new Set(owners.addresses());
    for (const [address, link] of open) {
      if (owning.has(address)) continue;
      open.delete(address);
      backoffs.delete(address);
      link.link.close();
      for (const start of pending.values()) if (start.link === link) hold(start);
    }
  }

  const stopWatching = owners.onChange(ownersChanged);

  return {
    start(order, listener) {
      lastNumber = lastNumber === 0xffffffff ? 1 : lastNumber + 1;
      const start: Pending = { number: lastNumber, order, listener, durable: false, link: undefined, epoch: 0, heldSince: 0, notBefore: 0, pauseMs: RETRY_PAUSE_MS[0] };
      if (closed || isFull()) {
        const error = new MillraceError(closed ? 'service-draining' : 'limit-exceeded', closed ? {} : { message: 'Too many starts wait at this gateway; send again later' });
        listener.refused(error.reason, error.message);
        return { abandon: () => undefined };
      }
      pending.set(start.number, start);
      undecided += 1;
      undecidedBytes += order.inputJson.length;
      assign(start);
      return { abandon: () => void forget(start) };
    },
    isFull,
    onRoom(callback) {
      if (isFull()) roomWaiters.push(callback);
      else callback();
    },
    counts: () => ({ undecided, waiting: pending.size - undecided, held: held.size }),
    close() {
      closed = true;
      stopWatching();
      clearInterval(ticker);
      for (const start of pending.values()) if (!start.durable) refuse(start, 'service-draining', 'The gateway stops; send the start again');
      for (const link of open.values()) link.link.close();
      open.clear();
    },
  };
}
