import { mkdtemp, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { hashOfKey, keyFile, operatorKey, readKey } from './data-folder.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-key-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test('the operator key is made once, and only its owner can read it', async () => {
  const dataDir = path.join(folder, 'new');
  const key = await operatorKey(dataDir);
  expect(key).toMatch(/^mr_operator_[A-Za-z0-9_-]{43}$/);
  expect(await operatorKey(dataDir)).toBe(key);
  expect((await stat(keyFile(dataDir))).mode & 0o777).toBe(0o600);
  expect(await readKey(dataDir)).toBe(key);
});

test('a folder without a key has none', async () => {
  expect(await readKey(folder)).toBeUndefined();
});

test('the gateway is given the SHA-256 of the whole key', () => {
  expect(hashOfKey('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
