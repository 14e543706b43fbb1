export { startCluster, type Cluster, type ClusterOptions, type ProcessStatus } from './cluster.ts';
export {
  endLeftovers,
  isRunning,
  readClusterState,
  removeClusterState,
  signalProcess,
  untilEnded,
  type ClusterAddresses,
  type ClusterState,
  type MemberRecord,
  type ProcessRecord,
} from './cluster-state.ts';
export { isPortFree } from './port-table.ts';
export { isServiceName, SERVICES, type ServiceName } from './services.ts';
export { startSupervised, type Supervised, type SupervisedOptions } from './supervised-process.ts';
