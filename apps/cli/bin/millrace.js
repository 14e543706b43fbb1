#!/usr/bin/env node
/** The `millrace` command: makes the clone ready, then runs on the pinned Node in place of this process. */
import { withDependencies } from '../../../tools/setup/ensure.mjs';
import { handOver } from '../../../tools/setup/hand-over.mjs';

await withDependencies(() => handOver('apps/cli/src/main.ts', process.argv.slice(2)));
