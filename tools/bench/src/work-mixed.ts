/** Very many definitions of many organisations, popular ones far more often than others. */
import { MIXED_ORGANISATIONS, mixedDocument, mixedOrganisation } from './documents-mixed.ts';
import { PAYLOAD } from './documents.ts';
import { readMetrics } from './measured-cluster.ts';
import { round } from './statistics.ts';
import { drive } from './work-stream.ts';
import type { BenchFigures, WorkRun } from './work.ts';

/** Definitions that are applied at once. */
const APPLYING = 24;
/** How steeply popularity falls: rank r is started in proportion to 1 / r. */
const ZIPF_EXPONENT = 1;
const SEED = 20_000;

export async function runMixed(run: WorkRun): Promise<BenchFigures> {
  const { bed, meter, options } = run;
  const emptyMiB = meter.usage('orchestrator-1')?.residentMiB ?? 0;
  const since = performance.now();
  await inParallel(MIXED_ORGANISATIONS, (number) => bed.applyResource({ kind: 'organisation', name: mixedOrganisation(number), organisation: mixedOrganisation(number), spec: {} }));
  await inParallel(options.definitions, (number) => bed.apply(mixedDocument(number), mixedOrganisation(number)), (done) => {
    if (done % 2_000 === 0) process.stderr.write(`  ${done} definitions applied after ${Math.round((performance.now() - since) / 1000)} s\n`);
  });
  const appliedMs = performance.now() - since;
  const loadedMiB = meter.usage('orchestrator-1')?.residentMiB ?? 0;
  const figures = await drive({ kind: 'mixed', definitions: options.definitions, exponent: ZIPF_EXPONENT, seed: SEED, inputJson: JSON.stringify(PAYLOAD) }, run);
  const [orchestrator] = bed.cluster.of('orchestrator');
  const metrics = orchestrator === undefined ? undefined : await readMetrics(orchestrator.addresses.http);
  return {
    ...figures,
    own: {
      ...figures.own,
      organisations: MIXED_ORGANISATIONS,
      definitions: options.definitions,
      zipfExponent: ZIPF_EXPONENT,
      appliedMs: round(appliedMs),
      definitionCache: {
        kibPerDefinition: round(((loadedMiB - emptyMiB) * 1024) / options.definitions),
        orchestratorMiB: { empty: round(emptyMiB), applied: round(loadedMiB), afterRun: round(meter.usage('orchestrator-1')?.residentMiB ?? 0) },
        heapUsedMiB: round((metrics?.('nodejs_heap_size_used_bytes') ?? 0) / 2 ** 20),
      },
      note: 'payloadBytes is the size of the input; an execution makes 5 to 30 steps',
    },
  };
}

async function inParallel(count: number, one: (number: number) => Promise<void>, onDone: (done: number) => void = () => undefined): Promise<void> {
  let next = 0;
  let done = 0;
  await Promise.all(
    Array.from({ length: Math.min(APPLYING, count) }, async () => {
      while (next < count) {
        await one(next++);
        onDone(++done);
      }
    }),
  );
}
