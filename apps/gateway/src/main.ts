/** The gateway: the public gRPC and REST API, organisations and API keys. */
import { runService } from '@millrace/service';
import { compose } from './compose.ts';
import { gatewaySettings } from './config.ts';

await runService({ name: 'gateway', version: '0.1.0', configure: gatewaySettings, compose });
