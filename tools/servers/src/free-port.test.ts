import { freePorts } from './free-port.ts';

test('a port is not given twice before whoever got it can listen', async () => {
  const ports = (await Promise.all(Array.from({ length: 150 }, () => freePorts(10)))).flat();
  expect(new Set(ports).size).toBe(ports.length);
}, 30_000);
