/**
 * MCP over streamable HTTP (MCP 2025-06-18, Transports): every message is a POST, its answer JSON or a stream of events.
 */
import type { Credentials } from '../../auth/credentials.ts';
import { OUTPUT_BYTES_MAX, QUOTED_CHARACTERS_MAX } from '../../limits.ts';
import type { JsonObject, JsonValue, OperationCall } from '../../manifest.ts';
import { BodyTooLarge, type HttpAnswer, type HttpStream } from '../../outbound/outbound-http.ts';
import type { HttpAccess } from '../http/http-exchange.ts';
import { ownHeaders } from '../http/request-message.ts';
import { isAnswerTo, McpFailed, type McpTransport } from './mcp-session.ts';

/** The server answered with a status that is no success. */
export class McpStatus extends Error {
  readonly status: number;

  constructor(status: number, quoted: string) {
    super(`the server answered ${status}${quoted === '' ? '' : `: ${quoted}`}`);
    this.status = status;
  }
}

const SESSION = 'mcp-session-id';

export interface HttpTarget {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly credentials: Credentials;
}

export function mcpOverHttp({ http, authenticator }: HttpAccess, call: OperationCall, { credentials, headers, url }: HttpTarget): McpTransport {
  let session: string | undefined;

  async function post(message: JsonObject, version: string | undefined): Promise<HttpAnswer> {
    const body = JSON.stringify(message);
    const sent = {
      'content-type': 'application/json',
      ...ownHeaders(call, headers),
      'accept': 'application/json, text/event-stream',
      ...headers,
      ...(session === undefined ? {} : { [SESSION]: session }),
      ...(version === undefined ? {} : { 'mcp-protocol-version': version }),
    };
    const request = { organisation: call.step.organisation, method: 'POST', url, body, credentials, secrets: call.secrets };
    const answer = await authenticator.exchange(request, async (own) => wholeAnswer(await http.open({ method: 'POST', url, headers: { ...sent, ...own }, body, signal: call.signal }), message['id']));
    if (answer.status < 200 || answer.status > 299) throw new McpStatus(answer.status, answer.bytes.toString('utf8').replace(/\s+/g, ' ').trim().slice(0, QUOTED_CHARACTERS_MAX));
    session ??= answer.headers[SESSION];
    return answer;
  }

  return {
    request: async (message, version) => {
      const { bytes } = await post(message, version);
      const answer = readJson(bytes.toString('utf8'));
      const messages: readonly JsonValue[] = Array.isArray(answer) ? answer : [answer];
      const found = messages.find((each) => isAnswerTo(each, message['id']));
      if (found === undefined) throw new McpFailed('the answer is not that of the request');
      return found as JsonObject;
    },
    notify: async (message, version) => void (await post(message, version)),
    close: async () => {
      if (session === undefined) return;
      // The server may keep sessions for as long as it likes; an answer changes nothing.
      const request = { organisation: call.step.organisation, method: 'DELETE', url, body: '', credentials, secrets: call.secrets };
      const own = { ...headers, [SESSION]: session };
      await authenticator.exchange(request, (authorised) => http.ask({ method: 'DELETE', url, headers: { ...own, ...authorised }, signal: AbortSignal.timeout(1_000), bytesMax: OUTPUT_BYTES_MAX })).catch(() => undefined);
    },
  };
}

/** The whole body, or of a stream of events the one that answers the request; the rest of the stream is left. */
async function wholeAnswer({ chunks, headers, status }: HttpStream, id: JsonValue | undefined): Promise<HttpAnswer> {
  const isStream = /^text\/event-stream\b/i.test(headers['content-type'] ?? '');
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > OUTPUT_BYTES_MAX * 2) throw new BodyTooLarge(OUTPUT_BYTES_MAX * 2);
    text += decoder.decode(chunk, { stream: true });
    if (!isStream) continue;
    const events = text.replaceAll('\r\n', '\n').split('\n\n');
    text = events.pop() ?? '';
    const answer = events.map(dataOf).find((data) => data !== '' && isAnswerTo(readJson(data), id));
    if (answer !== undefined) return { status, headers, bytes: Buffer.from(answer) };
  }
  if (!isStream) return { status, headers, bytes: Buffer.from(text) };
  const last = dataOf(text.replaceAll('\r\n', '\n'));
  if (last !== '' && isAnswerTo(readJson(last), id)) return { status, headers, bytes: Buffer.from(last) };
  if (id !== undefined) throw new McpFailed('the stream of events ended without an answer');
  return { status, headers, bytes: Buffer.alloc(0) };
}

/** The data of one event (HTML, Server-sent events). */
function dataOf(event: string): string {
  return event
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).replace(/^ /, ''))
    .join('\n');
}

function readJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw new McpFailed('the answer is not JSON');
  }
}
