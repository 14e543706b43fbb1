import type { SeenEvent } from '../evidence.ts';
import { checkEvents } from './events.ts';
import { RIGHT, WHOLE } from './sample.test-support.ts';

const violationsOf = (events: readonly SeenEvent[]): readonly string[] => checkEvents({ ...RIGHT, events }).violations;
const [started, completed] = RIGHT.events as readonly [SeenEvent, SeenEvent];

test('a start and an end that were announced, also again under the same id, are right (E9)', () => {
  expect(checkEvents({ ...RIGHT, events: [started, started, completed] })).toEqual({ violations: [], figures: { events: 3, repeatedEvents: 1 } });
});

test('a start or an end that was not announced is found', () => {
  expect(violationsOf([completed])).toEqual(['started of execution x was not announced']);
  expect(violationsOf([started])).toEqual(['completed of execution x was not announced']);
});

test('an event that was announced again under another id is found', () => {
  expect(violationsOf([started, completed, { ...completed, id: '1/9/x/1' }])).toEqual(['completed of execution x was announced under 2 ids']);
});

test('one id for two events is found', () => {
  expect(violationsOf([started, { ...completed, id: started.id }])).toEqual(['the id 0/1/x/0 stands for started of execution x and for completed of execution x']);
});

test('another end than the one in the history is found', () => {
  expect(checkEvents({ events: [...RIGHT.events, { id: 'a', kind: 'faulted', execution: 'x' }], journals: [WHOLE] }).violations).toEqual(['execution x is completed, and was announced as faulted']);
});
