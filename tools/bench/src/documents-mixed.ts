/**
 * The definitions of `mixed`: any number of distinct ones, each made from its number alone, so that the client knows
 * how many steps one makes without having read it.
 *
 * A definition is a sequence of blocks that make a known number of steps: an echo (1), a switch of which one side runs
 * (1), a loop over three elements (3), a block that fails once and is tried again (2: its echo runs twice).
 */
import { createRandom } from './load.ts';

/** Organisations that the definitions belong to. */
export const MIXED_ORGANISATIONS = 600;
/** Steps of one execution. */
const STEPS = { least: 5, most: 30 } as const;

type Block = 'echo' | 'switch' | 'loop' | 'retry';

const STEPS_OF: Readonly<Record<Block, number>> = { echo: 1, switch: 1, loop: 3, retry: 2 };

export function mixedName(number: number): string {
  return `mixed-${number}`;
}

/** Neighbours in popularity belong to different organisations. */
export function mixedOrganisation(number: number): string {
  return `tenant-${number % MIXED_ORGANISATIONS}`;
}

export function mixedSteps(number: number): number {
  return STEPS.least + Math.floor(createRandom(number)() * (STEPS.most - STEPS.least + 1));
}

/** Which blocks a definition has; their steps add up to `mixedSteps`. At most one retry: each costs a pause. */
export function mixedBlocks(number: number): readonly Block[] {
  const random = createRandom(number);
  let left = STEPS.least + Math.floor(random() * (STEPS.most - STEPS.least + 1));
  const blocks: Block[] = [];
  while (left > 0) {
    const drawn = random();
    const wanted: Block = drawn < 0.2 ? 'switch' : drawn < 0.35 ? 'loop' : drawn < 0.45 && !blocks.includes('retry') ? 'retry' : 'echo';
    const block = STEPS_OF[wanted] <= left ? wanted : 'echo';
    blocks.push(block);
    left -= STEPS_OF[block];
  }
  return blocks;
}

/** The document, distinct from every other by its name and by a constant in its first expression. */
export function mixedDocument(number: number): string {
  const tasks = mixedBlocks(number).map((block, index) => textOf(block, index, number));
  return `document:
  dsl: '1.0.3'
  namespace: bench
  name: ${mixedName(number)}
  version: 1.0.0
do:
${tasks.join('')}`;
}

function textOf(block: Block, index: number, number: number): string {
  const name = `task${index}`;
  switch (block) {
    case 'echo':
      return echo('  ', name, `.a + ${index === 0 ? number : 1}`);
    case 'switch':
      return `  - ${name}:
      switch:
        - odd: { when: '\${ .a % 2 == 1 }', then: ${name}odd }
        - even: { then: ${name}even }
${echo('  ', `${name}odd`, '.a + 1', `${name}end`)}${echo('  ', `${name}even`, '.a + 2')}  - ${name}end:
      set: '\${ . }'
`;
    case 'loop':
      return `  - ${name}:
      for: { each: item, in: '\${ [1, 2, 3] }' }
      do:
${echo('        ', 'each', '.a + $item')}`;
    case 'retry':
      return `  - ${name}:
      try:
${echo('        ', 'attempt', '.a + 1', undefined, "export: { as: '${ ($context // {}) + {tries: (($context.tries // 0) + 1)} }' }")}        - failOnce:
            if: '\${ $context.tries < 2 }'
            raise: { error: { type: 'https://millrace.dev/bench/once', status: 503 } }
      catch:
        errors: { with: { status: 503 } }
        retry: { delay: { milliseconds: 1 }, limit: { attempt: { count: 3 } } }
`;
  }
}

function echo(indent: string, name: string, sum: string, then?: string, more?: string): string {
  const lines = [`- ${name}:`, '    call: millrace.echo:1.0.0@default', '    with:', `      a: '\${ ${sum} }'`, "      text: '${ .text }'"];
  if (then !== undefined) lines.push(`    then: ${then}`);
  if (more !== undefined) lines.push(`    ${more}`);
  return lines.map((line) => `${indent}${line}\n`).join('');
}
