/**
 * What a script finds in its sandbox besides the language: `console`, `process`, timers and the few modules that
 * read standard input and write standard output. Runs inside the sandbox, before the script.
 *
 * The host gives four functions, which are taken out of sight here: `__write(fd, text)`, `__exit(code)`,
 * `__stdin()` and `__job()`, the latter JSON.
 */
export const JAVASCRIPT_PRELUDE = String.raw`
(() => {
  const { __write: write, __exit: exit, __stdin: stdin, __job: job } = globalThis;
  for (const name of ['__write', '__exit', '__stdin', '__job']) delete globalThis[name];
  const { arguments: argv, environment } = JSON.parse(job());

  const isIdentifier = (key) => /^[A-Za-z_$][\w$]*$/.test(key);
  const quote = (text) => (text.includes("'") ? JSON.stringify(text) : "'" + JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"') + "'");
  function inspect(value, depth = 0, seen = []) {
    switch (typeof value) {
      case 'string': return quote(value);
      case 'bigint': return value + 'n';
      case 'symbol': return value.toString();
      case 'function': return (String(value).startsWith('class') ? '[class ' : '[Function: ') + (value.name || '(anonymous)') + ']';
      case 'object': break;
      default: return Object.is(value, -0) ? '-0' : String(value);
    }
    if (value === null) return 'null';
    if (seen.includes(value)) return '[Circular *1]';
    if (value instanceof Error) return value.stack ? value.name + ': ' + value.message + '\n' + value.stack.trimEnd() : String(value);
    if (value instanceof Date) return isNaN(value) ? 'Invalid Date' : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (value instanceof Promise) return 'Promise { <pending> }';
    const inner = (each) => inspect(each, depth + 1, [...seen, value]);
    let parts;
    let open = '{';
    let close = '}';
    if (Array.isArray(value) || ArrayBuffer.isView(value)) {
      if (depth > 2) return '[Array]';
      const list = Array.from(value);
      parts = list.slice(0, 100).map(inner);
      if (list.length > 100) parts.push('... ' + (list.length - 100) + ' more item' + (list.length === 101 ? '' : 's'));
      open = (Array.isArray(value) ? '' : value.constructor.name + '(' + list.length + ') ') + '[';
      close = ']';
    } else if (value instanceof Map) {
      open = 'Map(' + value.size + ') {';
      parts = [...value].map(([key, each]) => inner(key) + ' => ' + inner(each));
    } else if (value instanceof Set) {
      open = 'Set(' + value.size + ') {';
      parts = [...value].map(inner);
    } else {
      const prototype = Object.getPrototypeOf(value);
      const name = prototype === null ? '[Object: null prototype]' : prototype.constructor?.name;
      if (depth > 2) return '[' + (name || 'Object') + ']';
      if (name && name !== 'Object') open = name + ' {';
      parts = Object.keys(value).map((key) => (isIdentifier(key) ? key : quote(key)) + ': ' + inner(value[key]));
    }
    if (parts.length === 0) return open + close;
    const line = parts.join(', ');
    const space = close === ']' || close === '}' ? ' ' : '';
    if (line.length + open.length <= 72 && !line.includes('\n') && (close !== ']' || parts.length <= 6)) return open + space + line + space + close;
    if (close === ']' && line.length <= 72 && !line.includes('\n')) return open + '\n' + '  '.repeat(depth + 1) + line + '\n' + '  '.repeat(depth) + close;
    const indent = '\n' + '  '.repeat(depth + 1);
    return open + indent + parts.join(',' + indent) + '\n' + '  '.repeat(depth) + close;
  }
  function format(...values) {
    let text = '';
    if (typeof values[0] === 'string') {
      const pattern = values.shift();
      text = values.length === 0 ? pattern : pattern.replace(/%([sdifjoOc%])/g, (whole, kind) => {
        if (kind === '%') return '%';
        if (values.length === 0) return whole;
        const value = values.shift();
        switch (kind) {
          case 's': return typeof value === 'object' && value !== null ? inspect(value, 2) : String(value);
          case 'd': return typeof value === 'bigint' ? value + 'n' : String(Number(value));
          case 'i': return String(parseInt(value, 10));
          case 'f': return String(parseFloat(value));
          case 'j': return JSON.stringify(value);
          case 'c': return '';
          default: return inspect(value);
        }
      });
      if (values.length > 0) text += ' ';
    }
    return text + values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' ');
  }

  const line = (fd) => (...values) => write(fd, format(...values) + '\n');
  const counts = new Map();
  globalThis.console = {
    log: line(1), info: line(1), debug: line(1), dir: (value) => line(1)(value), table: line(1),
    error: line(2), warn: line(2), trace: line(2),
    assert: (holds, ...values) => { if (!holds) line(2)('Assertion failed' + (values.length > 0 ? ':' : ''), ...values); },
    count: (label = 'default') => { counts.set(label, (counts.get(label) ?? 0) + 1); line(1)(label + ': ' + counts.get(label)); },
    group: line(1), groupEnd: () => {}, time: () => {}, timeEnd: () => {}, timeLog: () => {},
  };

  const textOf = (chunk) => (typeof chunk === 'string' ? chunk : String.fromCharCode(...chunk));
  const output = (fd) => ({ fd, isTTY: false, write: (chunk) => { write(fd, textOf(chunk)); return true; } });
  const process = {
    argv: ['node', 'script', ...argv],
    env: { ...environment },
    exitCode: undefined,
    exit: (code) => exit(Number(code ?? process.exitCode ?? 0)),
    stdin: { fd: 0, isTTY: false, [Symbol.asyncIterator]: async function* () { const text = stdin(); if (text !== '') yield text; }, setEncoding: () => {} },
    stdout: output(1),
    stderr: output(2),
    platform: 'wasm', version: 'v24.0.0', versions: {}, pid: 1,
    cwd: () => '/',
    hrtime: { bigint: () => BigInt(Date.now()) * 1000000n },
    nextTick: (run, ...values) => void Promise.resolve().then(() => run(...values)),
    on: () => process, once: () => process,
  };
  globalThis.process = process;
  globalThis.queueMicrotask ??= (run) => void Promise.resolve().then(run);
  globalThis.structuredClone ??= (value) => JSON.parse(JSON.stringify(value));

  const bytesOf = (text) => Uint8Array.from(unescape(encodeURIComponent(text)), (character) => character.charCodeAt(0));
  globalThis.TextEncoder ??= class { encode(text = '') { return bytesOf(String(text)); } };
  globalThis.TextDecoder ??= class { decode(bytes = []) { return decodeURIComponent(escape(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))); } };

  const refuse = (what) => { throw new Error(what + ': a script has no files, only standard input (0 or "/dev/stdin"), output and error'); };
  const isFile = (path, fd, name) => path === fd || path === '/dev/' + name;
  const fs = {
    readFileSync(path, options) {
      if (!isFile(path, 0, 'stdin')) refuse('readFileSync');
      const encoding = typeof options === 'string' ? options : options?.encoding;
      if (encoding) return stdin();
      const bytes = bytesOf(stdin());
      bytes.toString = () => stdin();
      return bytes;
    },
    writeFileSync(path, text) {
      if (isFile(path, 1, 'stdout')) write(1, textOf(text));
      else if (isFile(path, 2, 'stderr')) write(2, textOf(text));
      else refuse('writeFileSync');
    },
    writeSync(fd, text) { fs.writeFileSync(fd, text); return textOf(text).length; },
  };
  const util = { inspect: (value) => inspect(value), format };

  const timers = [];
  let lastTimer = 0;
  const arm = (repeat) => (run, ms = 0, ...values) => {
    const id = ++lastTimer;
    const everyMs = Math.max(1, Number(ms) || 0);
    timers.push({ id, dueMs: Date.now() + everyMs, everyMs: repeat ? everyMs : 0, run, values });
    return id;
  };
  const disarm = (id) => { const at = timers.findIndex((timer) => timer.id === id); if (at >= 0) timers.splice(at, 1); };
  globalThis.setTimeout = arm(false);
  globalThis.setInterval = arm(true);
  globalThis.setImmediate = (run, ...values) => arm(false)(run, 0, ...values);
  globalThis.clearTimeout = globalThis.clearInterval = globalThis.clearImmediate = disarm;

  return {
    modules: { fs, process, util },
    inspect,
    exitCode: () => process.exitCode ?? 0,
    /** Runs the earliest timer when it is due; the milliseconds until one is, or -1 without any. */
    runTimer() {
      if (timers.length === 0) return -1;
      let next = timers[0];
      for (const timer of timers) if (timer.dueMs < next.dueMs) next = timer;
      const waitMs = next.dueMs - Date.now();
      if (waitMs > 0) return waitMs;
      if (next.everyMs > 0) next.dueMs = Date.now() + next.everyMs;
      else disarm(next.id);
      next.run(...next.values);
      return 0;
    },
  };
})()
`;

/** Modules that a script may import, by what they are called within the prelude. */
export const JAVASCRIPT_MODULES: Readonly<Record<string, string>> = {
  'node:fs': `const { fs } = globalThis.__modules; export default fs; export const { readFileSync, writeFileSync, writeSync } = fs;`,
  'node:process': `const { process } = globalThis.__modules; export default process; export const { argv, env, exit, stdin, stdout, stderr } = process;`,
  'node:util': `const { util } = globalThis.__modules; export default util; export const { inspect, format } = util;`,
};
