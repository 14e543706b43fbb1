import { createAddressGuard, isBlockedAddress } from './address-guard.ts';

test.each([
  '127.0.0.1', '127.8.8.8', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0',
  '198.18.0.1', '224.0.0.1', '255.255.255.255', '::1', '::', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::127.0.0.1', 'fe80::1', 'fc00::1', 'fd12:3456::1',
  'ff02::1', '64:ff9b::7f00:1', '2002:7f00:1::', '2001::1', '2001:db8::1',
])('%s is kept away from', (address) => {
  expect(isBlockedAddress(address)).toBe(true);
});

test.each(['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '100.128.0.1', '192.167.1.1', '2606:4700::1111', '2a00:1450::1'])('%s may be reached', (address) => {
  expect(isBlockedAddress(address)).toBe(false);
});

const guard = createAddressGuard({ allowLoopback: false });

test('a name that resolves to a blocked address is refused when it is looked up', async () => {
  await expect(guard.resolve('localhost')).rejects.toMatchObject({ code: 'EADDRBLOCKED' });
  await expect(
    new Promise((resolve, reject) => guard.lookup('localhost', { all: true }, (error, addresses) => (error === null ? resolve(addresses) : reject(error)))),
  ).rejects.toMatchObject({ code: 'EADDRBLOCKED' });
});

test('a host written as an address is refused though nothing looks it up', async () => {
  expect(() => guard.checkHost('127.0.0.1')).toThrow(/development mode/);
  expect(() => guard.checkHost('[::1]')).toThrow(/development mode/);
  expect(() => guard.checkHost(new URL('http://0x7f.1/').hostname)).toThrow(/development mode/);
  expect(() => guard.checkHost('8.8.8.8')).not.toThrow();
  await expect(guard.resolve('169.254.169.254')).rejects.toMatchObject({ code: 'EADDRBLOCKED' });
});

test('in development mode loopback is reached', async () => {
  const open = createAddressGuard({ allowLoopback: true });
  expect(() => open.checkHost('127.0.0.1')).not.toThrow();
  expect(['127.0.0.1', '::1']).toContain(await open.resolve('localhost'));
});
