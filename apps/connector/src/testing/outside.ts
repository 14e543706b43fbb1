/** The worker's way to the outside, for tests: loopback allowed. */
import { createAddressGuard } from '../address-guard.ts';
import { createAuthenticator, type Authenticator } from '../auth/authenticator.ts';
import { createOutboundHttp, type OutboundHttp } from '../outbound/outbound-http.ts';
import { createResourceStore, type ResourceStore } from '../resource-store.ts';

export interface Outside {
  readonly http: OutboundHttp;
  readonly authenticator: Authenticator;
  readonly resources: ResourceStore;
  close(): Promise<void>;
}

export function openOutside({ allowLoopback = true, fileRoot }: { readonly allowLoopback?: boolean; readonly fileRoot?: string } = {}): Outside {
  const http = createOutboundHttp(createAddressGuard({ allowLoopback }));
  const authenticator = createAuthenticator(http);
  return { http, authenticator, resources: createResourceStore({ http, authenticator, fileRoot }), close: () => http.close() };
}
