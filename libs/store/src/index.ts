export {
  MONITOR_INTERVAL_MS,
  POOL_SIZE_MAX,
  SELECTION_TIMEOUT_MS,
  SOCKET_TIMEOUT_MS,
  WRITE_CONCERN_TIMEOUT_MS,
  connectStore,
  type Store,
  type StoreOptions,
} from './store.ts';
export { isDuplicateKey, isStoreUnavailable, storeFailureOf } from './failure.ts';
export { PRODUCTION_MEMBERS, storeShortfalls } from './durability.ts';
export { createSecretBox, SECRET_KEY_BYTES, type SecretBox } from './secret-box.ts';
