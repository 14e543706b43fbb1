/**
 * Streams: created when missing, changed when their configuration differs, never deleted here.
 *
 * Every stream is on disk. Unless it says otherwise it refuses new messages when full: what was accepted is never
 * pushed out.
 */
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { Bus } from './connection.ts';
import { isStreamMissing, untilAnswered } from './retry.ts';

/** A limit that is absent is no limit, but for `duplicateWindowMs`, where NATS' two minutes stand. */
export interface StreamSpecification {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly maxBytes?: number;
  readonly maxAgeMs?: number;
  readonly duplicateWindowMs?: number;
  readonly maxMessageBytes?: number;
  /** Default that of the bus. */
  readonly replicas?: number;
  /** `limits` (default) keeps messages until a limit or a purge; `workqueue` until they are acknowledged. */
  readonly retention?: 'limits' | 'workqueue' | 'interest';
  /** `new` (default): a full stream refuses. `old`: it forgets its oldest messages, for facts that readers may miss. */
  readonly discard?: 'new' | 'old';
}

type Settings = Pick<StreamConfig, 'subjects' | 'max_bytes' | 'max_age' | 'max_msg_size' | 'discard' | 'num_replicas'> &
  Partial<Pick<StreamConfig, 'duplicate_window'>>;

/**
 * Makes sure that the stream exists as specified; waits while JetStream is starting.
 *
 * @throws MillraceError `bus-failed` when the specification cannot be had, a changed retention for one.
 */
export async function ensureStream(bus: Bus, specification: StreamSpecification): Promise<void> {
  const { name } = specification;
  await untilAnswered(bus, `Creating the stream ${name}`, async () => {
    const wanted = settingsOf(specification, bus.replicas);
    const present = await configurationOf(bus, name);
    if (present === undefined) {
      await bus.manager.streams.add({
        name,
        storage: StorageType.File,
        retention: RetentionPolicy[capitalised(specification.retention ?? 'limits')],
        // Without the stream's own copy the leader answers, so what is read is what was last acknowledged.
        allow_direct: false,
        ...wanted,
      });
    } else if (differs(present, wanted)) {
      await bus.manager.streams.update(name, { ...present, ...wanted });
    }
  });
}

async function configurationOf(bus: Bus, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await bus.manager.streams.info(name)).config;
  } catch (error) {
    if (isStreamMissing(error)) return undefined;
    throw error;
  }
}

function settingsOf(specification: StreamSpecification, defaultReplicas: number): Settings {
  const { subjects, maxBytes, maxAgeMs, duplicateWindowMs, maxMessageBytes, discard, replicas = defaultReplicas } = specification;
  return {
    subjects: [...subjects],
    max_bytes: maxBytes ?? -1,
    max_age: maxAgeMs === undefined ? 0 : nanos(maxAgeMs),
    max_msg_size: maxMessageBytes ?? -1,
    discard: discard === 'old' ? DiscardPolicy.Old : DiscardPolicy.New,
    num_replicas: replicas,
    ...(duplicateWindowMs === undefined ? {} : { duplicate_window: nanos(duplicateWindowMs) }),
  };
}

function differs(present: StreamConfig, wanted: Settings): boolean {
  const names = Object.keys(wanted) as (keyof Settings)[];
  return names.some((name) => JSON.stringify(present[name]) !== JSON.stringify(wanted[name]));
}

function capitalised(retention: 'limits' | 'workqueue' | 'interest'): 'Limits' | 'Workqueue' | 'Interest' {
  return retention === 'limits' ? 'Limits' : retention === 'workqueue' ? 'Workqueue' : 'Interest';
}
