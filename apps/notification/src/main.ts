/** Notification: hands deliveries over to people, once each. */
import { runService } from '@millrace/service';
import { compose } from './compose.ts';
import { settings } from './config.ts';

await runService({ name: 'notification', version: '0.1.0', configure: settings, compose });
