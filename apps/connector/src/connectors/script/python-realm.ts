/**
 * The surroundings in which Pyodide runs: a JavaScript realm of its own that has the language and nothing else.
 *
 * Owns what the interpreter finds there. Pyodide lets Python reach JavaScript, so nothing of the host may be within
 * reach: no function and no object of the host is ever handed in. The host calls the functions that this text
 * yields, and texts and bytes are all that passes.
 *
 * - Pyodide is made to believe that it runs in a bare shell, which has `read`, `readbuffer` and `load`; they find the
 *   files of the interpreter that the host has put in, and no others.
 * - Texts cannot be made into code (the realm is created so), and `import()` is taken out of Pyodide's own files.
 * - Memory has a limit that the WebAssembly engine itself keeps.
 */
export const PYTHON_REALM = String.raw`
(() => {
  const files = new Map();
  const nameOf = (path) => String(path).split('/').pop();
  globalThis.readbuffer = (path) => {
    const bytes = files.get(nameOf(path));
    if (bytes === undefined) throw new Error('there is no file ' + path);
    return bytes;
  };
  globalThis.read = (path) => {
    let text = '';
    for (const byte of globalThis.readbuffer(path)) text += String.fromCharCode(byte);
    return text;
  };
  globalThis.load = (path) => { throw new Error('nothing is loaded here: ' + path); };
  globalThis.__noImport = globalThis.load;

  let pool = new Uint8Array(1);
  let drawn = 0;
  const randomByte = () => (pool[drawn++ % pool.length] ^ (drawn >>> 12)) & 255;
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  // The one command that the interpreter asks of a shell: so many random bytes in base64.
  globalThis.os = { system(_, [, command]) {
    const length = Number(/-c([0-9]+)/.exec(command)[1]);
    let text = '';
    for (let at = 0; at < length; at += 3) {
      const bytes = (randomByte() << 16) | (randomByte() << 8) | randomByte();
      text += ALPHABET[bytes >> 18] + ALPHABET[(bytes >> 12) & 63] + (at + 1 < length ? ALPHABET[(bytes >> 6) & 63] : '=') + (at + 2 < length ? ALPHABET[bytes & 63] : '=');
    }
    return text;
  } };

  const timers = [];
  let lastTimer = 0;
  globalThis.setTimeout = (run, ms = 0, ...values) => { timers.push({ id: ++lastTimer, dueMs: Date.now() + ms, run, values }); return lastTimer; };
  globalThis.clearTimeout = (id) => { const at = timers.findIndex((timer) => timer.id === id); if (at >= 0) timers.splice(at, 1); };
  globalThis.performance = { now: () => Date.now(), timeOrigin: 0 };
  const silent = () => {};
  globalThis.console = { log: silent, warn: silent, error: silent, info: silent, debug: silent, trace: silent };

  const utf8 = (text) => { const bytes = unescape(encodeURIComponent(text)); return Uint8Array.from(bytes, (character) => character.charCodeAt(0)); };
  const textOf = (bytes) => {
    let text = '';
    for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    try { return decodeURIComponent(escape(text)); } catch { return text; }
  };
  globalThis.TextEncoder = class { encode(text = '') { return utf8(String(text)); } };
  globalThis.TextDecoder = class {
    constructor(encoding = 'utf-8') { this.encoding = encoding; }
    decode(bytes) { return bytes === undefined ? '' : textOf(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes.buffer ?? bytes)); }
  };

  const NativeMemory = WebAssembly.Memory;
  let pagesMax = 0;
  WebAssembly.Memory = function (descriptor) { return new NativeMemory({ ...descriptor, maximum: Math.min(descriptor.maximum ?? pagesMax, pagesMax) }); };
  WebAssembly.Memory.prototype = NativeMemory.prototype;

  let python;
  let state = 'starting';
  let charactersMax = 0;
  const written = { stdout: [], stderr: [], characters: 0, over: false };
  const writer = (stream) => ({
    write(bytes) {
      written.characters += bytes.length;
      if (written.characters > charactersMax) {
        written.over = true;
        throw new Error('too much output');
      }
      written[stream].push(Uint8Array.from(bytes));
      return bytes.length;
    },
  });
  const joined = (chunks) => {
    const all = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) { all.set(chunk, at); at += chunk.length; }
    return textOf(all);
  };

  return {
    /** Room for a file of the interpreter, which the host fills. */
    file(name, length) { const bytes = new Uint8Array(length); files.set(name, bytes); return bytes; },
    random(length) { return (pool = new Uint8Array(length)); },
    start(memoryBytesMax) {
      pagesMax = Math.floor(memoryBytesMax / 65536);
      globalThis.loadPyodide({ indexURL: '/', jsglobals: Object.create(null), fullStdLib: false, stdin: () => undefined }).then(
        (loaded) => { python = loaded; state = 'ready'; },
        (error) => { state = 'failed: ' + error; },
      );
    },
    /** Runs timers that are due; says how far the start has come. */
    step() {
      const now = Date.now();
      for (const timer of timers.slice()) if (timer.dueMs <= now) { globalThis.clearTimeout(timer.id); timer.run(...timer.values); }
      return state;
    },
    /** Takes and yields JSON. */
    run(job) {
      const { code, arguments: argv, environment, stdin, outputCharactersMax, runner } = JSON.parse(job);
      charactersMax = outputCharactersMax;
      python.setStdout(writer('stdout'));
      python.setStderr(writer('stderr'));
      let ended;
      try {
        python.runPython(runner);
        const run = python.globals.get('__millrace_run');
        ended = JSON.parse(run(JSON.stringify({ code, arguments: argv, environment, stdin })));
      } catch (error) {
        ended = { stopped: /MemoryError|out of memory|memory access/i.test(String(error)) ? 'memory' : 'internal', detail: String(error).slice(-500) };
      }
      if (written.over) ended = { stopped: 'output' };
      return JSON.stringify({ ...ended, stdout: joined(written.stdout), stderr: joined(written.stderr) });
    },
  };
})()
`;

/** Runs the script as a program of its own, in Python. */
export const PYTHON_RUNNER = String.raw`
def __millrace_run(job):
    import io, json, os, sys, traceback
    job = json.loads(job)
    sys.argv = ['script.py', *job['arguments']]
    os.environ.clear()
    os.environ.update(job['environment'])
    sys.stdin = io.TextIOWrapper(io.BytesIO(job['stdin'].encode()), 'utf-8')
    code = 0
    try:
        exec(compile(job['code'], 'script.py', 'exec'), {'__name__': '__main__', '__builtins__': __builtins__})
    except SystemExit as end:
        if end.code is None:
            code = 0
        elif isinstance(end.code, int):
            code = end.code & 0xff
        else:
            print(end.code, file=sys.stderr)
            code = 1
    except MemoryError:
        return json.dumps({'stopped': 'memory', 'detail': ''})
    except BaseException as error:
        error.__traceback__ = error.__traceback__.tb_next if error.__traceback__ else None
        traceback.print_exception(error)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            pass
    return json.dumps({'code': code})
`;
