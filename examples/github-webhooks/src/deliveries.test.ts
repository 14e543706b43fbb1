import { deliveryId, readDeliveries } from './deliveries.ts';
import { ORGANISATIONS } from './organisations.ts';

const DELIVERIES = readDeliveries(ORGANISATIONS, 'run-1');

test('all 329 deliveries are there, each with an id of its own', () => {
  expect(DELIVERIES).toHaveLength(329);
  expect(new Set(DELIVERIES.map((each) => each.id)).size).toBe(329);
});

test('they are split evenly over the organisations', () => {
  expect(ORGANISATIONS.map(({ name }) => DELIVERIES.filter((each) => each.organisation === name).length)).toEqual([110, 110, 109]);
});

test('ids are UUIDs, the same for the same run and others for another', () => {
  expect(deliveryId('run-1', 0)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(readDeliveries(ORGANISATIONS, 'run-1')[7]?.id).toBe(DELIVERIES[7]?.id);
  expect(readDeliveries(ORGANISATIONS, 'run-2')[7]?.id).not.toBe(DELIVERIES[7]?.id);
});

test('rows are expected for the commits of pushes and the labels of issues and pull requests, and nothing else', () => {
  expect(new Set(DELIVERIES.filter((each) => each.commits > 0).map((each) => each.event))).toEqual(new Set(['push']));
  expect(new Set(DELIVERIES.filter((each) => each.labels > 0).map((each) => each.event))).toEqual(new Set(['issues', 'pull_request']));
});
