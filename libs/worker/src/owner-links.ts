/** The links to all orchestrators that live: one each, dialled as the directory names them. */
import type { Clock } from '@millrace/clock';
import type { OwnerMessage, WorkerMessage } from '@millrace/contracts/orchestrator/v1/dispatch';
import { OwnerLink, type Session } from './owner-link.ts';
import type { OwnerAddress, OwnerDirectory, WorkerLog } from './ports.ts';
import type { Transport } from './transport.ts';

export interface OwnerLinksOptions {
  readonly owners: OwnerDirectory;
  readonly log: WorkerLog;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly hello: () => NonNullable<WorkerMessage['message']>;
  readonly opened: (session: Session) => void;
  readonly received: (session: Session, message: NonNullable<OwnerMessage['message']>) => void;
  /** A session has ended; what was sent on it may not have arrived. */
  readonly closed: () => void;
}

export class OwnerLinks {
  readonly #options: OwnerLinksOptions;
  readonly #links = new Map<string, OwnerLink>();
  #unsubscribe: (() => void) | undefined;

  constructor(options: OwnerLinksOptions) {
    this.#options = options;
  }

  /** Dials who is there, and from then on whoever comes. */
  start(): void {
    this.#unsubscribe = this.#options.owners.onChange(() => this.#dialAll());
    this.#dialAll();
  }

  /** The open session with an instance, if there is one. */
  sessionWith(instance: string): Session | undefined {
    return this.#links.get(instance)?.session;
  }

  *sessions(): Iterable<Session> {
    for (const { session } of this.#links.values()) if (session !== undefined) yield session;
  }

  async close(): Promise<void> {
    this.#unsubscribe?.();
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.all(links.map((link) => link.stop()));
  }

  #dialAll(): void {
    for (const owner of this.#options.owners.list()) {
      const known = this.#links.get(owner.instance);
      if (known?.owner.address === owner.address) continue;
      this.#links.set(owner.instance, this.#link(owner));
      // The same name at another address is a new process: the old one is gone.
      if (known !== undefined) {
        void known.stop();
        this.#options.closed();
      }
    }
  }

  #link(owner: OwnerAddress): OwnerLink {
    const { owners, log, clock, transport, hello, opened, received, closed } = this.#options;
    const link: OwnerLink = new OwnerLink({
      ...{ owner, log, clock, transport, hello, opened, received },
      closed: () => closed(),
      // A link that works is kept even when the registry cannot be read; one that is lost needs the registry's word.
      wanted: () => owners.list().some((each) => each.instance === owner.instance && each.address === owner.address),
      ended: () => {
        if (this.#links.get(owner.instance) === link) this.#links.delete(owner.instance);
      },
    });
    return link;
  }
}
