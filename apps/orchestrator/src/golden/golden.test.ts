/**
 * What earlier releases had on disk is read by this one: replayed without a server, and opened by real processes.
 */
import { entryReferencesOf, FORMAT_NEWEST, FORMAT_OLDEST, type JsonValue } from '@millrace/engine';
import type { Execution } from '@millrace/contracts/execution/v1/execution';
import { BUCKETS, openBucket } from '@millrace/bus';
import { encodeLimits } from '@millrace/lease';
import { eventually } from '@millrace/testkit';
import { ask, openProcessBed } from '../testing/process-bed.ts';
import { digestOf, goldenReleases, readDigests, readImage, seenAs, writeImage } from './image.ts';
import { replayLane, statesOf } from './replay-image.ts';
import { restoreImage } from './restore-image.ts';
import { SLOW } from './scenario.ts';

const RELEASES = goldenReleases();

test('the first release has an image, and what has one is never captured again', () => {
  expect(RELEASES).toContain('0.1.0');
  for (const release of RELEASES) expect(() => writeImage(readImage(release))).toThrow(`release ${release} has a golden image`);
});

describe.each(RELEASES)('the image of release %s', (release) => {
  const image = readImage(release);
  const digests = readDigests(release);

  test('is of a format that is read, and is what was captured', () => {
    expect(image.format).toBeGreaterThanOrEqual(FORMAT_OLDEST);
    expect(image.format).toBeLessThanOrEqual(FORMAT_NEWEST);
    expect(Object.fromEntries(image.executions.map(({ id, snapshot }) => [id, digestOf(snapshot)]))).toEqual(digests);
  });

  test.each(['beginning', 'checkpoints'] as const)('replayed from the %s it amounts to the states that were live (E3)', async (from) => {
    const taken = await Promise.all(image.lanes.map((lane) => replayLane(image, lane, from)));
    const states = new Map(taken.flatMap((each) => [...statesOf(each)]));
    const kept = new Set(states.keys());
    // From checkpoints on, executions that have ended are history's alone.
    const wanted = image.executions.filter(({ id, snapshot }) => from === 'beginning' || snapshot.end === undefined || kept.has(id));
    expect(wanted.filter(({ snapshot }) => snapshot.end === undefined).length).toBeGreaterThan(5);
    const found = Object.fromEntries(wanted.map(({ id, snapshot }) => {
      const state = states.get(id);
      return [id, state === undefined ? 'missing' : digestOf(seenAs(state as unknown as JsonValue, snapshot as unknown as JsonValue) as never)];
    }));
    expect(found).toEqual(Object.fromEntries(wanted.map(({ id }) => [id, digests[id]])));
  });

  test('refers to payloads that are there', () => {
    const texts = ['segments', 'history'].flatMap((name) => (image.collections[name] ?? []).flatMap((each) => (each as { readonly entries: readonly string[] }).entries));
    const names = entryReferencesOf(texts);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => image.payloads[name] === undefined)).toEqual([]);
  });

  test('opened by an orchestrator of today shows what was shown, and everything that ran goes on to the end it had', async () => {
    const bed = await openProcessBed(image.lanes.length);
    try {
      await restoreImage(image, bed.bus, bed.database);
      await bed.orchestrator('orchestrator-1');
      const view = ({ organisation, id }: { readonly organisation: string; readonly id: string }): Promise<Execution> => eventually(() => ask<object, Execution>(bed.ownerOf(id).executions, 'get', { organisation, execution: id }));
      for (const golden of image.executions) {
        // What ran is running again by now; what had ended is as it was.
        if (golden.snapshot.end !== undefined) expect(seenAs((await view(golden)) as unknown as JsonValue, golden.view)).toEqual(golden.view);
      }
      await (await openBucket(bed.bus, BUCKETS.limits)).put(`organisation.${SLOW.organisation}`, encodeLimits({ concurrency: undefined, startsPerSecond: 100, weight: 1, strict: false, revision: 9 }));
      for (const golden of image.executions) {
        const ended = await eventually(async () => { const seen = await view(golden); return seen.endedAtMs > 0 && seen; }, { timeoutMs: 60_000, what: `the end of ${golden.workflow} ${golden.id}` });
        expect({ id: golden.id, status: ended.status, output: ended.outputJson }).toEqual({ id: golden.id, status: golden.end.status, output: golden.end.outputJson });
      }
    } finally {
      await bed.close();
    }
  }, 120_000);
});
