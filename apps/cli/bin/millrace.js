#!/usr/bin/env node
/** The `millrace` command: makes the clone ready, then runs on the pinned Node in place of this process. */
import path from 'node:path';
import { root, withDependencies } from '../../../tools/setup/ensure.mjs';
import { handOver } from '../../../tools/setup/hand-over.mjs';

// Sources are stripped of their types once, not at every call: it halves the start, also of the services that `up` starts.
const NODE_COMPILE_CACHE = process.env.NODE_COMPILE_CACHE ?? path.join(root, '.cache/compiled');

await withDependencies(() => handOver('apps/cli/src/main.ts', process.argv.slice(2), { NODE_COMPILE_CACHE }));
