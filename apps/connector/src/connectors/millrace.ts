/** The platform's own operations. */
import type { ConnectorManifest } from '../manifest.ts';
import type { DeliveryStream } from '../ports.ts';
import { echo } from './echo.ts';
import { notify } from './notify.ts';

export function millraceConnector(deliveries: DeliveryStream): ConnectorManifest {
  return { id: 'millrace', version: '1.0.0', title: 'Millrace', auth: ['none'], operations: { echo, notify: notify(deliveries) } };
}
