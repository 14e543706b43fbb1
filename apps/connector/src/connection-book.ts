/**
 * The connections in use, in memory, so that steps go on while the database is away.
 *
 * Owns what this process knows; secrets stay sealed until a step needs them.
 */
import { MillraceError } from '@millrace/errors';
import type { SecretBox } from '@millrace/store';
import { openConnection, openSecretValue, secretPlaceName, type SealedConnection } from './connection.ts';
import type { JsonValue, OpenConnection } from './manifest.ts';
import type { ConnectionSource } from './ports.ts';

export class ConnectionBook implements ConnectionSource {
  readonly #box: SecretBox;
  readonly #sealed = new Map<string, SealedConnection>();

  constructor(box: SecretBox) {
    this.#box = box;
  }

  note(organisation: string, name: string, sealed: SealedConnection | undefined): void {
    const id = idOf(organisation, name);
    if (sealed === undefined) this.#sealed.delete(id);
    else this.#sealed.set(id, sealed);
  }

  list(organisation: string): readonly SealedConnection[] {
    return [...this.#sealed.values()].filter((sealed) => sealed.organisation === organisation).sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  open(organisation: string, name: string): OpenConnection {
    const sealed = this.#sealed.get(idOf(organisation, name));
    if (sealed === undefined) {
      throw new MillraceError('connection-unknown', {
        message: `There is no connection ${name} in organisation ${organisation}; apply one of \`kind: connection\` first`,
        details: { organisation, connection: name },
      });
    }
    return openConnection(sealed, this.#box);
  }

  secret(organisation: string, name: string): JsonValue | undefined {
    const sealed = this.#sealed.get(idOf(organisation, secretPlaceName(name)));
    return sealed === undefined ? undefined : openSecretValue(sealed, this.#box);
  }
}

function idOf(organisation: string, name: string): string {
  return `${organisation}/${name}`;
}
