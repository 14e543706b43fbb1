import { groupCommit } from './group-commit.ts';

test('what arrives while a batch is written shares the next one', async () => {
  const batches: (readonly number[])[] = [];
  let release = (): void => undefined;
  const commit = groupCommit<number, number>(async (items) => {
    batches.push(items);
    await new Promise<void>((resolve) => (release = resolve));
    return items.map((item) => item * 10);
  }, 3);
  const first = [commit.add(1), commit.add(2)];
  await Promise.resolve();
  const rest = [3, 4, 5, 6].map((item) => commit.add(item));
  expect(batches).toEqual([[1, 2]]);
  release();
  expect(await Promise.all(first)).toEqual([10, 20]);
  release();
  await rest[2];
  release();
  expect(await Promise.all(rest)).toEqual([30, 40, 50, 60]);
  expect(batches).toEqual([[1, 2], [3, 4, 5], [6]]);
  expect(commit.pending()).toBe(0);
});

test('a batch that fails fails its own items only', async () => {
  let calls = 0;
  const commit = groupCommit<string, string>(async (items) => {
    if (++calls === 1) throw new Error('away');
    return items;
  }, 10);
  await expect(Promise.all([commit.add('a'), commit.add('b')])).rejects.toThrow('away');
  expect(await commit.add('c')).toBe('c');
});
