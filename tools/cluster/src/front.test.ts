import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { openFront, type Front } from './front.ts';
import type { Supervised } from './supervised-process.ts';

interface Taker extends Pick<Supervised, 'hand'> {
  takes: boolean;
  readonly name: string;
  taken: number;
}

/** Says its name over every connection that it is handed. */
function taker(name: string, takes: boolean): Taker {
  const made: Taker = {
    name,
    takes,
    taken: 0,
    hand(_protocol, connection: Socket) {
      if (!made.takes) return false;
      made.taken++;
      connection.end(name);
      return true;
    },
  };
  return made;
}

let front: Front;
afterEach(() => front.close());

function ask(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: front.port });
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.once('end', () => resolve(text));
    socket.once('error', reject);
  });
}

async function open(...takers: readonly Taker[]): Promise<void> {
  front = await openFront(0, 'http', () => takers as unknown as readonly Supervised[]);
}

test('instances take turns', async () => {
  const [one, two] = [taker('one', true), taker('two', true)];
  await open(one, two);
  await Promise.all(Array.from({ length: 10 }, ask));
  expect([one.taken, two.taken]).toEqual([5, 5]);
});

test('one that is on its way out gets nothing, and its successor all', async () => {
  const [old, next] = [taker('old', true), taker('next', false)];
  await open(old, next);
  expect(await ask()).toBe('old');
  next.takes = true;
  old.takes = false;
  expect(await Promise.all([ask(), ask(), ask()])).toEqual(['next', 'next', 'next']);
});

test('a connection waits while nobody is ready, and is not refused', async () => {
  const only = taker('only', false);
  await open(only);
  const answers = Promise.all([ask(), ask()]);
  await delay(200);
  expect(only.taken).toBe(0);
  only.takes = true;
  expect(await answers).toEqual(['only', 'only']);
});
