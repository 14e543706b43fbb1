/**
 * `mcp.read` and `mcp.call`: requests to Model Context Protocol servers (DSL reference, MCP Call).
 *
 * Lists, prompts and resources are read, which is safe. A tool may do anything and MCP has no idempotency key, so that
 * `tools/call` is an unsafe operation: claimed before it is performed, and not repeated when its outcome is unknown.
 */
import { statedDurationMs } from '@millrace/engine';
import { authenticationSchema } from '../../auth/credentials.ts';
import { failure, refused, uncertain } from '../../failure.ts';
import { MCP_PROCESSES_MAX } from '../../limits.ts';
import type { ConnectorManifest, JsonObject, JsonSchema, JsonValue, OperationCall, OperationManifest, Performed } from '../../manifest.ts';
import { brokenExchange } from '../../outbound/outbound-http.ts';
import { refusedBeforehand, type HttpAccess } from '../http/http-exchange.ts';
import { callCredentials, RequestInvalid, targetUrl } from '../http/request-message.ts';
import { isObject } from '../references.ts';
import { mcpOverHttp, McpStatus } from './mcp-http.ts';
import { callMcp, McpFailed, type McpTransport } from './mcp-session.ts';
import { mcpOverStdio } from './mcp-stdio.ts';

export interface McpAccess extends HttpAccess {
  /** Commands that may be started, `*` for any; none: stdio is refused. */
  readonly commands: readonly string[];
  /** Where commands are looked for. */
  readonly path: string;
}

const READ_METHODS = ['tools/list', 'prompts/list', 'prompts/get', 'resources/list', 'resources/read', 'resources/templates/list'];
const texts = { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean', 'null'] } } as const;

function argumentsSchema(methods: readonly string[], more: JsonObject = {}): JsonSchema {
  return {
    type: 'object',
    required: ['method', 'transport'],
    properties: {
      protocolVersion: { type: 'string' },
      method: { enum: methods },
      parameters: { type: 'object' },
      timeout: { type: ['integer', 'string', 'object'] },
      transport: {
        type: 'object',
        properties: {
          http: { type: 'object', required: ['uri'], properties: { uri: { type: 'string' }, headers: texts, authentication: authenticationSchema }, additionalProperties: false },
          stdio: { type: 'object', required: ['command'], properties: { command: { type: 'string' }, arguments: { type: 'array', items: { type: ['string', 'number'] } }, environment: texts }, additionalProperties: false },
          options: texts,
        },
        additionalProperties: false,
      },
      client: { type: 'object', required: ['name', 'version'], properties: { name: { type: 'string' }, version: { type: 'string' } } },
      ...more,
    },
    additionalProperties: false,
  };
}

export function mcpConnector(access: McpAccess): ConnectorManifest {
  const processes = { running: 0 };
  const operation = (summary: string, schema: JsonSchema, retryClass: OperationManifest['retryClass']): OperationManifest => ({
    summary,
    arguments: schema,
    output: true as never,
    retryClass,
    timeoutMs: 60_000,
    target: targetOf,
    action: { kind: 'run', run: (call) => run(access, processes, call) },
  });
  return {
    id: 'mcp',
    version: '1.0.0',
    title: 'Model Context Protocol',
    auth: ['none'],
    borrows: ['http'],
    operations: {
      read: operation('Lists or reads what a Model Context Protocol server offers', argumentsSchema(READ_METHODS), 'safe'),
      call: operation('Calls a tool of a Model Context Protocol server', argumentsSchema(['tools/call'], { onUnknown: { enum: ['ask', 'resend', 'skip'] } }), 'unsafe'),
    },
  };
}

function targetOf(args: JsonObject): string | undefined {
  const { http } = args['transport'] as JsonObject;
  const uri = isObject(http) ? String(http['uri']) : '';
  return URL.canParse(uri) ? `host:${new URL(uri).host}` : undefined;
}

async function run(access: McpAccess, processes: { running: number }, call: OperationCall): Promise<Performed> {
  const limited = withTimeout(call);
  let transport: McpTransport;
  try {
    transport = open(access, processes, limited);
  } catch (error) {
    if (error instanceof NotAllowed) return refused(failure('authorization', 403, error.message));
    const performed = refusedBeforehand(error, 'mcp');
    if (performed !== undefined) return performed;
    throw error;
  }
  try {
    const { client, method, parameters, protocolVersion } = call.arguments;
    const { name, version } = isObject(client) ? client : {};
    const value = await callMcp(transport, {
      protocolVersion: String(protocolVersion ?? '2025-06-18'),
      client: { name: String(name ?? 'millrace'), version: String(version ?? '1') },
      method: String(method),
      parameters: parameters ?? null,
    });
    return { kind: 'output', value };
  } catch (error) {
    if (call.signal.aborted) throw error;
    if (limited.signal.aborted) return uncertain(failure('timeout', 408, 'the MCP server did not answer within the timeout of the call'));
    return failed(error);
  } finally {
    await transport.close();
  }
}

function failed(error: unknown): Performed {
  if (error instanceof McpFailed) return refused(failure('runtime', 500, error.message, 'MCP error'), 'up');
  if (error instanceof McpStatus) return uncertain(failure('communication', error.status, error.message), error.status >= 500 ? 'down' : 'up');
  return refusedBeforehand(error, 'mcp') ?? brokenExchange(error, 'the MCP server');
}

/** The call's own `timeout` besides that of the step. */
function withTimeout(call: OperationCall): OperationCall {
  const { timeout } = call.arguments;
  const ms = typeof timeout === 'number' ? timeout : timeout === undefined ? undefined : statedDurationMs(timeout);
  return ms === undefined ? call : { ...call, signal: AbortSignal.any([call.signal, AbortSignal.timeout(ms)]) };
}

/** The operator has not allowed it; a sentence that says how. */
class NotAllowed extends Error {}

function open(access: McpAccess, processes: { running: number }, call: OperationCall): McpTransport {
  const { http, stdio } = call.arguments['transport'] as JsonObject;
  if (isObject(http)) {
    const url = targetUrl(String(http['uri']), call.connection?.baseUrl ?? '');
    return mcpOverHttp(access, call, { url, headers: textsOf(http['headers'], true), credentials: callCredentials({ ...call, arguments: http }) });
  }
  if (!isObject(stdio)) throw new RequestInvalid('/transport has neither http nor stdio');
  const command = String(stdio['command']);
  if (!access.commands.includes('*') && !access.commands.includes(command)) {
    throw new NotAllowed(`${command} may not be started here: the operator allows commands for MCP in MILLRACE_MCP_COMMANDS, and ${access.commands.length === 0 ? 'has allowed none' : `has allowed ${access.commands.join(', ')}`}`);
  }
  if (processes.running >= MCP_PROCESSES_MAX) throw new RequestInvalid(`${MCP_PROCESSES_MAX} MCP processes run already; try again later`);
  const transport = mcpOverStdio({ command, arguments: Array.isArray(stdio['arguments']) ? stdio['arguments'].map(String) : [], environment: textsOf(stdio['environment']) }, access.path, call.signal);
  processes.running += 1;
  return { ...transport, close: () => transport.close().finally(() => (processes.running -= 1)) };
}

function textsOf(value: JsonValue | undefined, lower = false): Readonly<Record<string, string>> {
  const members = isObject(value) ? Object.entries(value) : [];
  return Object.fromEntries(members.flatMap(([name, each]) => (each === null ? [] : [[lower ? name.toLowerCase() : name, typeof each === 'string' ? each : JSON.stringify(each)]])));
}
