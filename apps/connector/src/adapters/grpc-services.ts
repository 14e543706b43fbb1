/** The gRPC face of the connector service: connections and the catalogue. */
import { CatalogueService, ConnectionsService, type CatalogueServer, type ConnectionsServer, type ConnectionSummary } from '@millrace/contracts/connector/v1/connections';
import { unary } from '@millrace/rpc';
import type { SecretBox } from '@millrace/store';
import type { Catalogue } from '../catalogue.ts';
import { sealConnection, type ConnectionRequest, type SealedConnection } from '../connection.ts';
import type { ConnectionBook } from '../connection-book.ts';
import type { ConnectorManifest } from '../manifest.ts';
import type { ConnectionStore } from './mongo-connections.ts';

export interface GrpcServicesOptions {
  readonly catalogue: Catalogue;
  readonly connectors: readonly ConnectorManifest[];
  readonly book: ConnectionBook;
  readonly store: ConnectionStore;
  readonly box: SecretBox;
  /** Makes a stored connection known to all workers. */
  readonly publish: (sealed: SealedConnection) => Promise<void>;
}

export function connectionsService(options: GrpcServicesOptions): { readonly definition: typeof ConnectionsService; readonly implementation: ConnectionsServer } {
  const { connectors, book, store, box, publish } = options;
  const byId = new Map(connectors.map((connector) => [connector.id, connector]));
  return {
    definition: ConnectionsService,
    implementation: {
      put: unary(async (request: ConnectionRequest) => {
        const stored = await store.save(sealConnection(request, byId, box));
        await publish(stored);
        return summaryOf(stored);
      }),
      list: unary(({ organisation }: { readonly organisation: string }) => ({ connections: book.list(organisation).map(summaryOf) })),
    },
  };
}

export function catalogueService({ catalogue }: Pick<GrpcServicesOptions, 'catalogue'>): { readonly definition: typeof CatalogueService; readonly implementation: CatalogueServer } {
  const operations = catalogue.entries.map(({ name, operation }) => ({
    operation: name,
    summary: operation.summary,
    retryClass: operation.retryClass,
    argumentsSchemaJson: JSON.stringify(operation.arguments),
    outputSchemaJson: JSON.stringify(operation.output),
    defaultTimeoutMs: operation.timeoutMs,
  }));
  return { definition: CatalogueService, implementation: { list: unary(() => ({ operations })) } };
}

/** Never the secrets, not even their names. */
function summaryOf({ organisation, name, connector, baseUrl, revision }: SealedConnection): ConnectionSummary {
  return { organisation, name, connector, baseUrl, revision };
}
