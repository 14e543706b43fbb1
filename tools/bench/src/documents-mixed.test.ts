import { compileWorkflow, readDocuments } from '@millrace/dsl';
import fc from 'fast-check';
import { mixedBlocks, mixedDocument, mixedSteps } from './documents-mixed.ts';

const STEPS_OF = { echo: 1, switch: 1, loop: 3, retry: 2 } as const;

test('the blocks of a definition make as many steps as the client believes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000 }), (number) => {
      const steps = mixedBlocks(number).reduce((sum, block) => sum + STEPS_OF[block], 0);
      expect(steps).toBe(mixedSteps(number));
      expect(steps).toBeGreaterThanOrEqual(5);
      expect(steps).toBeLessThanOrEqual(30);
    }),
  );
});

test('every definition compiles, and no two are the same', () => {
  const seen = new Set<string>();
  for (let number = 0; number < 100; number++) {
    const text = mixedDocument(number);
    expect(seen.has(text)).toBe(false);
    seen.add(text);
    const read = readDocuments(text, { fileName: 'mixed.yaml' });
    if (read.kind === 'refused' || read.documents[0]?.kind !== 'workflow') throw new Error(JSON.stringify(read));
    expect(compileWorkflow(read.documents[0])).toMatchObject({ kind: 'compiled' });
  }
  const all = Array.from({ length: 100 }, (_, number) => mixedBlocks(number)).flat();
  expect(new Set(all)).toEqual(new Set(['echo', 'switch', 'loop', 'retry']));
});
