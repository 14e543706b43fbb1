/** The throttle: organisations' limits, divided over the orchestrators as leases. */
import { runService } from '@millrace/service';
import { compose } from './compose.ts';
import { throttleSettings } from './config.ts';

await runService({ name: 'throttle', version: '0.1.0', configure: throttleSettings, compose });
