/** The connector service: runs steps for the orchestrators, keeps connections. */
import { runService } from '@millrace/service';
import { compose } from './compose.ts';
import { configure, type schema } from './config.ts';

await runService<typeof schema>({ name: 'connector', version: '0.1.0', configure, compose });
