/** The orchestrator process. */
import { runService } from '@millrace/service';
import { compose } from './compose.ts';
import { settings } from './config.ts';

await runService({ name: 'orchestrator', version: '0.1.0', configure: settings, compose });
