/** A Model Context Protocol server over standard streams that has every tool, and answers with its arguments. */
import { createInterface } from 'node:readline';
import type { Json, JsonObject } from '../json.ts';

const LISTS: Readonly<Record<string, Json>> = { 'tools/list': { tools: [] }, 'prompts/list': { prompts: [] }, 'resources/list': { resources: [] }, 'resources/templates/list': { resourceTemplates: [] } };

function resultOf(method: string, params: JsonObject): Json {
  if (method === 'initialize') return { protocolVersion: params['protocolVersion'] ?? '', capabilities: {}, serverInfo: { name: 'conformance', version: '1.0.0' } };
  return LISTS[method] ?? { content: [{ type: 'text', text: JSON.stringify(params['arguments'] ?? {}) }] };
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line) as { readonly id?: number; readonly method: string; readonly params?: JsonObject };
  if (id !== undefined) process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result: resultOf(method, params ?? {}) })}\n`);
});
