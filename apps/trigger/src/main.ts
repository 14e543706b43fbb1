/** The trigger: accepts webhooks and makes starts of them. */
import { runService } from '@millrace/service';
import { compose } from './compose.ts';
import { triggerSettings } from './config.ts';

await runService({ name: 'trigger', version: '0.1.0', configure: triggerSettings, compose });
