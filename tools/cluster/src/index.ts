export { startCluster, type Cluster, type ClusterOptions, type ProcessStatus } from './cluster.ts';
export { SERVICES, type ServiceName } from './services.ts';
export { startSupervised, type Supervised, type SupervisedOptions } from './supervised-process.ts';
