export { freePort, freePorts } from './free-port.ts';
export { defaultCacheDir, describeServer, findServer, findServers, serverBinary, type FoundServer, type LookUp } from './binaries.ts';
export { type ServerKind, type Wheel } from './wheels.ts';
export { endWithThisProcess, STOP_TIMEOUT_MS, type ExitStatus } from './server-process.ts';
export { MAX_PAYLOAD_BYTES, startNats, startNatsCluster, type NatsClusterOptions, type NatsOptions, type NatsServer } from './nats-server.ts';
export { CACHE_SIZE_GB, startMongod, type MongodOptions, type MongoServer } from './mongo-server.ts';
export { readDurability, type Durability } from './durability.ts';
export { startServers, type Servers, type ServersOptions } from './servers.ts';
