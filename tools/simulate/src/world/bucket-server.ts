/**
 * Key-value buckets: writes by compare-and-set, watches that lag and that start again after a cut.
 */
import type { Bucket, BucketEntry, Stored, Watch } from '@millrace/bus';
import { decodeJson, encodeJson } from '@millrace/bus';
import { MillraceError } from '@millrace/errors';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

interface Value extends Stored {
  readonly writtenMs: number;
}

/** A watch counts as fresh for so long after it last heard something; the server speaks once a second. */
const FRESH_MS = 2_500;

export class BucketServer {
  readonly #world: World;
  readonly #name: string;
  readonly #ttlMs: number;
  readonly #values = new Map<string, Value>();
  readonly #watchers = new Set<(entry: BucketEntry) => void>();
  #revision = 0;

  constructor(world: World, name: string, ttlMs = Infinity) {
    this.#world = world;
    this.#name = name;
    this.#ttlMs = ttlMs;
  }

  /** What stands there, read by the world itself. */
  peek(key: string): Stored | undefined {
    const found = this.#values.get(key);
    return found === undefined || this.#world.nowMs - found.writtenMs > this.#ttlMs ? undefined : found;
  }

  /** Keys that have a value, for the world itself. */
  keys(prefix: string): readonly string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix) && this.peek(key)?.value !== undefined);
  }

  /** Written by the world itself. */
  set(key: string, value: unknown): void {
    this.#write(key, encodeJson(value));
  }

  /** The bucket as `machine` reaches it. */
  at(machine: Machine, written: (key: string, value: Uint8Array) => void = () => undefined): Bucket {
    const world = this.#world;
    const ask = <T>(kind: string, serve: () => T): Promise<T> => world.request(machine, 'nats', `${this.#name} ${kind}`, serve);
    const update: Bucket['update'] = async (key, value, revision) => {
      const made = await ask('write', () => {
        if ((this.peek(key)?.revision ?? 0) !== revision) throw new MillraceError('revision-conflict', { message: `${key} was changed by somebody else` });
        return this.#write(key, value);
      });
      written(key, value);
      return made;
    };
    const get: Bucket['get'] = (key) => ask('read', () => this.peek(key));
    return {
      name: this.#name,
      get,
      update,
      put: (key, value) => ask('write', () => this.#write(key, value)),
      async create(key, value) {
        const found = await get(key);
        if (found?.value !== undefined) throw new MillraceError('revision-conflict', { message: `${key} is there already` });
        return update(key, value, found?.revision ?? 0);
      },
      delete: (key, revision) =>
        ask('write', () => {
          if (revision !== undefined && (this.peek(key)?.revision ?? 0) !== revision) throw new MillraceError('revision-conflict', {});
          this.#write(key, undefined);
        }),
      keys: (prefix = '') => ask('keys', () => [...this.#values].filter(([key, { value }]) => key.startsWith(prefix) && value !== undefined).map(([key]) => key).sort()),
      watch: (handler, options) => this.#watch(machine, handler, options?.prefix ?? ''),
      getJson: async (key) => {
        const stored = await get(key);
        return stored?.value === undefined ? undefined : { value: decodeJson(stored.value), revision: stored.revision };
      },
      putJson: (key, value) => ask('write', () => this.#write(key, encodeJson(value))),
    };
  }

  #write(key: string, value: Uint8Array | undefined): number {
    const revision = ++this.#revision;
    this.#values.set(key, { value, revision, writtenMs: this.#world.nowMs });
    for (const told of [...this.#watchers]) told({ key, value, revision });
    return revision;
  }

  async #watch(machine: Machine, handler: (entry: BucketEntry) => void, prefix: string): Promise<Watch> {
    const world = this.#world;
    let stopped = false;
    let synced = false;
    let lagUntilMs = 0;
    let heardMs = world.nowMs;
    /** Of each key the revision last handed over, and whether it had a value. */
    const known = new Map<string, { readonly revision: number; readonly isThere: boolean }>();

    const deliver = (entry: BucketEntry): void => {
      if (stopped || !entry.key.startsWith(prefix)) return;
      heardMs = world.nowMs;
      known.set(entry.key, { revision: entry.revision, isThere: entry.value !== undefined });
      handler(entry);
    };
    const follow = (entry: BucketEntry): void => {
      if (!machine.isLinked || !synced) return;
      if (world.random.chance(world.weather.slow)) lagUntilMs = Math.max(lagUntilMs, world.nowMs + world.random.between(0, world.weather.slowMs * 4));
      const delayMs = machine.delayTo(`watch ${this.#name}`, Math.max(world.latencyMs(), lagUntilMs - world.nowMs));
      machine.plan(delayMs, `${this.#name} watched`, () => deliver(entry));
    };
    const sync = async (): Promise<void> => {
      synced = false;
      for (;;) {
        try {
          let asOf = 0;
          const current = await world.request(machine, 'nats', `${this.#name} values`, () => {
            // From here on changes follow by themselves.
            synced = true;
            asOf = this.#revision;
            return [...this.#values.keys()].flatMap((key): BucketEntry[] => {
              const found = this.peek(key);
              return found === undefined ? [] : [{ key, value: found.value, revision: found.revision }];
            });
          });
          const keys = new Set(current.map(({ key }) => key));
          for (const entry of current) if (entry.revision >= (known.get(entry.key)?.revision ?? 0)) deliver(entry);
          // What was written after these values were read has come by itself, and is not missing from them.
          for (const [key, { revision, isThere }] of [...known]) if (isThere && revision <= asOf && !keys.has(key)) deliver({ key, value: undefined, revision });
          return;
        } catch {
          synced = false;
          await machine.clock.sleep(50);
        }
      }
    };
    this.#watchers.add(follow);
    machine.onCrash(() => this.#watchers.delete(follow));
    machine.onLink((isUp) => {
      if (isUp && !stopped) void sync();
    });
    await sync();
    return {
      // Between two values the server says every second that it is there.
      isFresh: () => !stopped && synced && machine.isLinked && !world.isAway('nats') && Math.max(heardMs, lagUntilMs > world.nowMs ? heardMs : world.nowMs - 1_000) >= world.nowMs - FRESH_MS,
      stop: () => {
        stopped = true;
        this.#watchers.delete(follow);
      },
    };
  }
}
