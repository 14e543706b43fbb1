/** The connector service's own settings; the common ones are the runner's. */
import { MillraceError } from '@millrace/errors';
import { flag, integer, optional, readConfiguration, secret, text, type ConfigOf, type Environment } from '@millrace/service';
import { DEFAULT_WORKER_LIMITS } from '@millrace/worker';
import { SECRET_KEY_BYTES } from '@millrace/store';

export const schema = {
  database: text('MILLRACE_CONNECTOR_DATABASE', { default: 'millrace_connector', doc: 'MongoDB database of claims and connections' }),
  secretKey: secret('MILLRACE_SECRET_KEY', { doc: `key for secrets in storage: ${SECRET_KEY_BYTES} bytes in base64` }),
  allowLoopback: flag('MILLRACE_ALLOW_LOOPBACK', { default: false, doc: 'development mode: operations may reach this machine and its network, and open any SQLite file' }),
  sqliteRoot: optional(text('MILLRACE_SQLITE_ROOT', { doc: 'folder below which SQLite files may be opened; without it only development mode opens any' })),
  resourceRoot: optional(text('MILLRACE_RESOURCE_ROOT', { doc: 'folder below which file: resources of calls (protos, OpenAPI documents) may be read' })),
  mcpPath: text('PATH', { default: '/usr/local/bin:/usr/bin:/bin', doc: 'where commands of MCP calls are looked for' }),
  mcpCommands: text('MILLRACE_MCP_COMMANDS', { default: '', doc: 'commands that MCP calls over stdio may start, separated by commas; without it none' }),
  shellFolder: optional(text('MILLRACE_SHELL_FOLDER', { doc: 'allows `run: shell`: the folder in which commands run, with all that this process may do; without it none is run' })),
  containerEngine: text('MILLRACE_CONTAINER_ENGINE', { default: '', doc: 'allows `run: container`: the command line of a container engine and its own arguments, such as `docker` or `podman --remote`; without it none is run' }),
  containerVolumes: optional(text('MILLRACE_CONTAINER_VOLUMES', { doc: 'folder below which folders may be volumes of containers; without it none may' })),
  stepsPerStreamMax: integer('MILLRACE_STEPS_PER_STREAM_MAX', {
    default: DEFAULT_WORKER_LIMITS.stepsPerStreamMax,
    min: 1,
    doc: 'steps that one orchestrator may have outstanding here',
  }),
  keptResultsMax: integer('MILLRACE_KEPT_RESULTS_MAX', {
    default: DEFAULT_WORKER_LIMITS.keptResultsMax,
    min: 1,
    doc: 'results kept until they are durable, above which no steps are taken',
  }),
} as const;

export type ConnectorConfig = ConfigOf<typeof schema>;

/** @throws MillraceError `configuration-invalid` */
export function configure(environment: Environment): ConnectorConfig {
  const config = readConfiguration(schema, environment);
  if (secretKeyBytes(config).length !== SECRET_KEY_BYTES) {
    throw new MillraceError('configuration-invalid', { message: `MILLRACE_SECRET_KEY must be ${SECRET_KEY_BYTES} bytes in base64; \`openssl rand -base64 ${SECRET_KEY_BYTES}\` makes one` });
  }
  return config;
}

export function secretKeyBytes({ secretKey }: Pick<ConnectorConfig, 'secretKey'>): Buffer {
  return Buffer.from(secretKey, 'base64');
}
