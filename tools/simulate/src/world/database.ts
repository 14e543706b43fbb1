/**
 * MongoDB as the stores see it: documents by id, writes that may be carried out in part, late, or though the answer
 * was an error.
 */
import { MillraceError } from '@millrace/errors';
import { compareProgress, type CheckpointDocument, type CheckpointDocuments, type HistoryDocument, type HistoryDocuments, type PayloadDocument, type SegmentDocument } from '@millrace/lane';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/** Sleepers of one portion of a cursor; few, so that there are several. */
const SLEEPERS_PORTION = 3;

export interface DatabaseHooks {
  checkpointing(document: CheckpointDocument): void;
  ended(document: HistoryDocument): void;
}

export class Database {
  readonly checkpoints = new Map<string, CheckpointDocument>();
  readonly segments = new Map<string, SegmentDocument>();
  readonly history = new Map<string, HistoryDocument>();
  readonly payloads = new Map<string, PayloadDocument>();
  readonly #world: World;
  readonly #hooks: DatabaseHooks;

  constructor(world: World, hooks: DatabaseHooks) {
    this.#world = world;
    this.#hooks = hooks;
  }

  #ask<T>(machine: Machine, kind: string, serve: () => T): Promise<T> {
    return this.#world.request(machine, 'mongo', kind, serve).catch((error: unknown) => {
      throw new MillraceError('store-failed', { message: `${kind} failed`, cause: error });
    });
  }

  /** Portions of a cursor: what changes between two of them is seen or not. */
  async *#asleep(machine: Machine, slots: ReadonlySet<number>): AsyncGenerator<readonly string[], void, undefined> {
    let after = '';
    for (;;) {
      const found = await this.#ask(machine, 'sleepers read', () => {
        const ids = [...this.checkpoints.values()].filter(({ _id, slot, asleep }) => asleep === true && slots.has(slot) && _id > after).map(({ _id }) => _id);
        return ids.sort().slice(0, SLEEPERS_PORTION);
      });
      if (found.length === 0) return;
      after = found.at(-1) ?? '';
      yield found;
    }
  }

  /** A bulk write; now and then it stops in the middle, with an error. */
  async #bulk<T>(machine: Machine, kind: string, documents: readonly T[], write: (document: T) => void): Promise<void> {
    const { random, weather } = this.#world;
    const count = random.chance(weather.unanswered) ? random.below(documents.length + 1) : documents.length;
    await this.#ask(machine, kind, () => documents.slice(0, count).forEach(write));
    if (count < documents.length) throw new MillraceError('store-failed', { message: `${kind}: ${count} of ${documents.length} were written` });
  }

  checkpointsAt(machine: Machine): CheckpointDocuments {
    const { segments } = this;
    const bulk = <T>(kind: string, documents: readonly T[], write: (document: T) => void): Promise<void> => this.#bulk(machine, kind, documents, write);
    return {
      prepare: () => Promise.resolve(),
      async addSegments(documents) {
        const there: SegmentDocument[] = [];
        await bulk('segments', documents, (document) => {
          const found = segments.get(document._id);
          if (found === undefined) segments.set(document._id, document);
          else there.push(found);
        });
        return there;
      },
      putSegments: (documents) =>
        this.#bulk(machine, 'segments', documents, (document) => {
          const found = this.segments.get(document._id);
          if (found === undefined || compareProgress(found, document) <= 0) this.segments.set(document._id, document);
        }),
      putCheckpoints: (documents) => {
        machine.point('segments stored, checkpoint not');
        return this.#bulk(machine, 'checkpoints', documents, (document) => {
          const found = this.checkpoints.get(document._id);
          if (found !== undefined && compareProgress(document, found) <= 0) return;
          this.#hooks.checkpointing(document);
          this.checkpoints.set(document._id, document);
        });
      },
      awake: async (slots) => {
        const wanted = new Set(slots);
        const found = await this.#ask(machine, 'checkpoints read', () => [...this.checkpoints.values()].filter(({ slot, asleep }) => asleep !== true && wanted.has(slot)));
        machine.point('checkpoints read');
        return found;
      },
      asleep: (slots) => this.#asleep(machine, new Set(slots)),
      get: (ids) => this.#ask(machine, 'checkpoints got', () => ids.flatMap((id) => this.checkpoints.get(id) ?? [])),
      due: (slots, after, untilMs, limit) =>
        this.#ask(machine, 'checkpoints due', () => {
          const wanted = new Set(slots);
          const sleeping = [...this.checkpoints.values()].filter(({ _id, slot, asleep, dueMs }) => asleep === true && wanted.has(slot) && dueMs !== null && dueMs <= untilMs && (dueMs > after.dueMs || (dueMs === after.dueMs && _id > after.id)));
          return sleeping.map(({ _id, dueMs }) => ({ id: _id, dueMs: dueMs ?? 0 })).sort((a, b) => a.dueMs - b.dueMs || (a.id < b.id ? -1 : 1)).slice(0, limit);
        }),
      listAsleep: () => Promise.resolve([]),
      remove: (ids) => {
        machine.point('history stored, checkpoint not removed');
        return this.#ask(machine, 'checkpoints removed', () =>
          ids.flatMap((id) => {
            const reference = this.checkpoints.get(id)?.reference;
            this.checkpoints.delete(id);
            return reference ?? [];
          }),
        );
      },
      removeSegments: (executions) => this.#ask(machine, 'segments removed', () => void [...this.segments.values()].forEach(({ _id, execution }) => executions.includes(execution) && this.segments.delete(_id))),
      segments: (execution, below, from = 0) => this.#ask(machine, 'segments read', () => [...this.segments.values()].filter((segment) => segment.execution === execution && segment.number >= from && segment.number < below).sort((a, b) => a.number - b.number)),
    };
  }

  historyAt(machine: Machine): HistoryDocuments {
    const of = (ids: readonly string[]): HistoryDocument[] => ids.flatMap((id) => this.history.get(id) ?? []);
    return {
      prepare: () => Promise.resolve(),
      putPayloads: (documents) =>
        this.#bulk(machine, 'payloads', documents, (document) => {
          if (!this.payloads.has(document._id)) this.payloads.set(document._id, document);
        }),
      payload: (name) => this.#ask(machine, 'payload got', () => this.payloads.get(name)?.text),
      removePayloads: (executions) => this.#ask(machine, 'payloads removed', () => void [...this.payloads.values()].forEach(({ _id, execution }) => executions.includes(execution) && this.payloads.delete(_id))),
      endedBefore: (ids, organisation, beforeMs) => this.#ask(machine, 'history ended before', () => of(ids).filter((each) => (organisation === '' || each.organisation === organisation) && each.endedAt.getTime() < beforeMs).map(({ _id }) => _id)),
      bytesOf: (ids) => this.#ask(machine, 'history bytes', () => JSON.stringify(of(ids)).length),
      remove: (ids) => this.#ask(machine, 'history removed', () => ids.filter((id) => this.history.delete(id)).length),
      insert: (documents) => {
        machine.point('history not stored');
        return this.#bulk(machine, 'history', documents, (document) => {
          if (this.history.has(document._id)) return;
          this.#hooks.ended(document);
          this.history.set(document._id, document);
        });
      },
      get: (id) => this.#ask(machine, 'history get', () => this.history.get(id) ?? null),
      list: (filter) => this.#ask(machine, 'history list', () => [...this.history.values()].filter(({ organisation }) => organisation === filter.organisation).slice(0, filter.limit)),
      present: (ids) => this.#ask(machine, 'history present', () => new Set(of(ids).map(({ _id }) => _id))),
      digests: (ids) => this.#ask(machine, 'history digests', () => new Map(of(ids).map(({ _id, inputDigest }) => [_id, inputDigest]))),
      definitions: (ids) => this.#ask(machine, 'history definitions', () => new Map(of(ids).map(({ _id, definition }) => [_id, definition]))),
      keyed: (slots, sinceMs, limit) =>
        this.#ask(machine, 'history keyed', () => {
          const wanted = new Set(slots);
          const keyed = [...this.history.values()].filter(({ slot, key }) => key !== null && wanted.has(slot)).sort((a, b) => b.endedAt.getTime() - a.endedAt.getTime());
          const lately = keyed.filter(({ endedAt }) => endedAt.getTime() > sinceMs);
          return { starts: lately.slice(0, limit).map(({ _id, inputDigest, endedAt }) => ({ id: _id, digest: inputDigest, endedAtMs: endedAt.getTime() })), older: lately.length < limit && keyed.length > lately.length };
        }),
    };
  }
}
